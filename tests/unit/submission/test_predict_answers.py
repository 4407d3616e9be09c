"""What is fast must answer as the slow way does: slots and batches beside `generate` a prompt at a time, in fp32."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from loopback import SUBMISSION, run_script

HERE = Path(__file__).resolve().parent
pytestmark = [pytest.mark.torch, pytest.mark.slow]


@pytest.fixture(scope="module")
def trial(tiny_base: Path) -> dict[str, Any]:
    """Give all answers, and under `said` what was said."""
    environment = os.environ | {"PYTHONPATH": str(SUBMISSION), "OMP_NUM_THREADS": "1"}
    script = HERE / "answers_trial.py"
    ran = run_script(sys.executable, "-W", "ignore", script, tiny_base, tiny_base.parent / "adapter", env=environment)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found | {"said": ran.stderr.splitlines()}


@pytest.mark.parametrize("way", ["slots, 1", "slots, 3", "slots, 16", "slots, little memory", "generate, 5"])
def test_texts_are_those_of_a_loop_over_prompts(trial: dict[str, Any], way: str) -> None:
    assert len(set(trial["one by one"])) > 30
    assert len({len(text) for text in trial["one by one"]}) > 8  # answers end at many places
    assert trial[way]["texts"] == trial["one by one"]
    assert trial[way]["slots"] == way.startswith("slots")


def test_answers_that_reach_the_longest_length_are_told(trial: dict[str, Any]) -> None:
    assert trial["slots, little memory"]["cut"] == trial["slots, 3"]["cut"] == trial["generate, 5"]["cut"]
    assert 0 < sum(trial["slots, 3"]["cut"]) < len(trial["one by one"])


def test_draws_depend_on_the_seed_alone(trial: dict[str, Any]) -> None:
    first, *others = (trial[f"drawn {name}"]["texts"] for name in "abc")
    assert all(one == first for one in others)
    assert sum(a != b for a, b in zip(first, trial["drawn d"]["texts"], strict=True)) > 30
    assert sum(a != b for a, b in zip(first, trial["one by one"], strict=True)) > 30


@pytest.mark.parametrize("slots", [True, False])
def test_an_answer_ends_before_the_stop_text(trial: dict[str, Any], slots: bool) -> None:
    def cut(text: str) -> str:
        return text[: min((text.find(one) for one in trial["stop"] if one in text), default=len(text))].strip()

    expected = [cut(text) for text in trial["one by one"]]
    assert sum(a != b for a, b in zip(expected, trial["one by one"], strict=True)) >= len(trial["stop"]) > 1
    assert trial[f"stopped, {slots}"]["texts"] == expected


@pytest.mark.parametrize("slots", [True, False])
def test_out_of_memory_halves_the_batch_and_goes_on(trial: dict[str, Any], slots: bool) -> None:
    found = trial[f"memory for 3, {slots}"]
    assert found["texts"] == trial["one by one"]
    assert found["batch_size"] == 2
    assert trial["said"].count("out of memory with 16 answers at a time: going on with 8") == 2 + 1


def test_a_prompt_that_does_not_fit_alone_is_told(trial: dict[str, Any]) -> None:
    assert trial["memory for none, False"]["error"] == (
        "out of memory: a prompt of 470 tokens and an answer of 24 do not fit; "
        "lower --max_new_tokens, give --keep_4bit, or shorten the prompt"
    )
    assert trial["memory for none, True"]["error"] == (
        "out of memory: beside the model there is no room for two short texts; "
        "give --keep_4bit, end other programs on this GPU, or take one with more memory"
    )


@pytest.fixture(scope="module")
def families() -> dict[str, Any]:
    """Give what models of many families answered."""
    environment = os.environ | {"PYTHONPATH": str(SUBMISSION), "OMP_NUM_THREADS": "1"}
    ran = run_script(sys.executable, "-W", "ignore", HERE / "models_trial.py", env=environment)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


# Sliding windows and positions that are not handed in, or depend on the length, do not go with slots; those models are
# left to `generate`.
@pytest.mark.parametrize(
    ("family", "slots"),
    [
        ("Llama", True),
        ("Qwen2", True),
        ("Qwen3Moe", True),
        ("GPT2", True),
        ("Mistral", False),
        ("Gemma2", False),
        ("Bloom", False),
        ("GPT2 of 64 places", True),
        ("Llama, dynamic", False),
        ("Phi3, long", False),
    ],
)
def test_other_models_answer_as_in_a_loop_too(families: dict[str, Any], family: str, slots: bool) -> None:
    assert families[family]["answers"] == families[family]["expected"]
    assert families[family]["slots"] == slots


def test_a_prompt_that_the_model_has_no_places_for_is_named(families: dict[str, Any]) -> None:
    assert families["too long"] == (
        "this model takes at most 64 tokens, and prompts are longer: b (65 tokens); shorten them"
    )
