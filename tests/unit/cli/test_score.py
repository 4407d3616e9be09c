import json
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from harness.cli.score import BASE, as_json, as_table, read_references, score
from harness.errors import ConfigError, EnvironmentFault
from harness.model.result import ExampleScore
from harness.scoring.client import Answers
from harness.scoring.definition import aggregate
from harness.scoring.protocol import BaseInfo, Failure, PromptedExample, Ready, Result

INFO = BaseInfo(path="/base", weights="dequantised", bytes=1, seconds=0.5, files={"config.json": "0" * 64})
READY = Ready(device="cpu", dtype="float32", versions={"torch": "2.13.0"}, base=INFO)


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def answers_of(**perplexities: float) -> Answers:
    one = {name: ExampleScore(id="a", tokens=2, nll_nats=1.0, perplexity=value) for name, value in perplexities.items()}
    outcomes = {name.replace("_", " "): Result(id=name, examples=(example,)) for name, example in one.items()}
    return Answers(ready=READY, outcomes=outcomes, unanswered=())


def shown(answers: Answers) -> str:
    scores = {}
    for name, outcome in answers.outcomes.items():
        if isinstance(outcome, Result):
            base = scores[BASE].perplexity if BASE in scores else None
            scores[name] = aggregate(outcome.examples, characters=4, base_perplexity=base)
    console = Console(file=StringIO(), width=120)
    console.print(as_table(answers, scores))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_references_with_prompt_or_instruction(tmp_path: Path) -> None:
    rows = [{"id": "1", "prompt": "p", "output": "o"}, {"id": "2", "instruction": "i", "output": "o"}]
    assert read_references(write(tmp_path / "r.json", rows)) == (
        PromptedExample(id="1", prompt="p", output="o"),
        PromptedExample(id="2", prompt="i", output="o"),
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "hold no row with an output"),
        ([], "hold no row with an output"),
        ([{"id": "1", "prompt": "p", "output": "o"}, {"id": 2}], "row 2: id is not a string, saw 2"),
        ([{"id": "1", "output": "o"}], "row 1: prompt is not a string, saw null"),
        ([{"id": "1", "prompt": "p", "output": "o"}, "x"], "row 2: id is not a string, saw null"),
    ],
)
def test_other_references_are_refused(tmp_path: Path, rows: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_references(write(tmp_path / "r.json", rows))
    assert caught.value.remedy.startswith("Give a JSON array of objects")


def test_missing_references_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"r\.json cannot be read: .*No such file"):
        read_references(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("base", "adapter", "message"),
    [
        ("nowhere", "adapter", "base model .*nowhere is not a folder"),
        ("", "adapter", r"adapter .* lacks adapter_config\.json and adapter_model\.safetensors"),
    ],
)
def test_missing_paths_are_refused_before_anything_starts(
    tmp_path: Path, base: str, adapter: str, message: str
) -> None:
    words = [str(tmp_path / adapter), "--base-model", str(tmp_path / base), "--references", str(tmp_path / "r.json")]
    with pytest.raises(ConfigError, match=message):
        CliRunner().invoke(score, words, catch_exceptions=False)


def test_missing_packages_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adapter_config.json").touch()
    (tmp_path / "adapter_model.safetensors").touch()
    references = write(tmp_path / "r.json", [{"id": "1", "prompt": "p", "output": "o"}])
    monkeypatch.setattr("harness.cli.score.find_spec", lambda name: None if name == "torch" else object())
    words = [str(tmp_path), "--base-model", str(tmp_path), "--references", str(references)]
    with pytest.raises(EnvironmentFault, match=r"scoring on this machine needs torch$") as caught:
        CliRunner().invoke(score, words, catch_exceptions=False)
    assert caught.value.remedy == "Install them: pip install '.[local]' in the project's folder"


def test_table_shows_the_ratio_to_the_base() -> None:
    text = shown(answers_of(base_model=20.0, mine=5.0))
    assert "cpu, float32, torch 2.13.0" in text
    cells = next(line.split("│") for line in text.splitlines() if "mine" in line)
    assert [cell.strip() for cell in cells[1:4]] == ["mine", "5.0000", "0.250"]


def test_table_without_base_shows_no_ratio_and_names_a_refusal() -> None:
    answers = answers_of(mine=5.0)
    refused = {"other": Failure(id="other", kind="adapter", message="1 tensors [are] missing")}
    text = shown(Answers(ready=READY, outcomes={**answers.outcomes, **refused}, unanswered=()))
    assert "   - " in text
    assert "refused: 1 tensors [are] missing" in text


def test_json_has_no_numbers_that_json_has_not() -> None:
    answers = answers_of(mine=float("inf"))
    scores = {name: aggregate(one.examples, characters=4) for name, one in answers.outcomes.items()}  # type: ignore[union-attr]
    row = json.loads(json.dumps(as_json(answers, scores), allow_nan=False))["results"][0]
    assert (row["score"]["perplexity"], row["score"]["base_perplexity"]) == ("inf", None)


def test_references_that_no_file_can_hold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "references.json"
    for text, words in (
        ("[" * 100_000, "cannot be read"),
        ('[{"id": "1", "prompt": "a", "output": "\\ud800x"}]', "row 1: output holds half of a character"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=words):
            read_references(path)


def test_figure_that_is_none_is_said_and_not_shown() -> None:
    text = shown(answers_of(mine=float("nan")))
    assert "no finite score" in text
    assert " nan" not in text
