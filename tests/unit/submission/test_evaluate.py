"""evaluate.py for real on a random two-layer Qwen3 and an adapter trained on it, held against the grader's scores."""

import json
import math
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from xml.etree import ElementTree

import evaluate
import pytest
from loopback import SUBMISSION, run_script
from utils import get_prompt

HERE = Path(__file__).resolve().parent
TRAIN = [
    {"id": f"t{i}", "instruction": "天地玄黃日"[i % 5] * (1 + i), "output": "宇宙洪荒月"[i % 5] * 3} for i in range(20)
]
EVAL = [
    {"id": f"e{i}", "instruction": "天地玄黃日"[i % 5] * (2 + 3 * i), "output": "宇宙洪荒月"[i % 5] * (4 + i)}
    for i in range(9)
]


@pytest.fixture(scope="module")
def work(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with `base`, `train.json`, `eval.json`, and `out` as train.py leaves it after three epochs."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "base").symlink_to(tiny_base)
    (folder / "train.json").write_text(json.dumps(TRAIN), encoding="utf-8")
    (folder / "eval.json").write_text(json.dumps(EVAL), encoding="utf-8")
    options = ("--num_epochs", "3", "--examples_per_step", "4", "--learning_rate", "2e-2")
    files = ("--base_model", "base", "--train_file", "train.json", "--output_dir", "out")
    ran = run_script(sys.executable, SUBMISSION / "train.py", *files, *options, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(scope="module")
def evaluated(work: Path) -> tuple[Path, CompletedProcess[str]]:
    """Evaluate all there is to evaluate, in batches of several sizes; give the folder and what was printed."""
    files = ("--base_model", "base", "--adapter", "out/adapter_checkpoint", "--eval_file", "eval.json")
    more = ("--train_file", "train.json", "--checkpoints", "out", "--shots", "0,1,3", "--generate", "--samples", "4")
    room = ("--max_new_tokens", "8", "--batch_tokens", "400")
    ran = run_script(sys.executable, SUBMISSION / "evaluate.py", *files, *more, *room, cwd=work)
    assert ran.returncode == 0, ran.stderr
    return work / "evaluation", ran


@pytest.fixture(scope="module")
def results(evaluated: tuple[Path, CompletedProcess[str]]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((evaluated[0] / "results.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.torch
@pytest.mark.slow
def test_figures_are_the_graders(work: Path, results: dict[str, Any], tmp_path: Path) -> None:
    from harness.model.assignment import Quantization
    from harness.scoring.definition import aggregate
    from harness.scoring.engine import Engine
    from harness.scoring.protocol import PromptedExample

    made = run_script(sys.executable, HERE / "expand_base.py", work / "base", tmp_path, env={"PYTHONPATH": SUBMISSION})
    assert made.returncode == 0, made.stderr
    whole = Quantization(load_in_4bit=False)
    engine = Engine(str(tmp_path), quantization=whole, device="cpu", dtype="float32", max_tokens=2048)
    rows = [PromptedExample(id=r["id"], prompt=get_prompt(r["instruction"]), output=r["output"]) for r in EVAL]
    for name, adapter in (("base", None), ("adapter", work / "out" / "adapter_checkpoint")):
        graded = engine.score(rows, adapter)
        seen = results["examples"]
        assert [(one["id"], one["tokens"]) for one in seen] == [(one.id, one.tokens) for one in graded]
        assert [one[name]["nll_nats"] for one in seen] == pytest.approx([one.nll_nats for one in graded], rel=1e-5)
        score = aggregate(graded, characters=sum(len(row["output"]) for row in EVAL))
        for figure in ("perplexity", "corpus_perplexity", "bits_per_character"):
            assert results["perplexity"][name][figure] == pytest.approx(getattr(score, figure), rel=1e-5), figure


@pytest.mark.torch
@pytest.mark.slow
def test_adapter_beats_base_and_its_checkpoints_lie_on_the_way(results: dict[str, Any]) -> None:
    base, adapter = (results["perplexity"][name]["perplexity"] for name in ("base", "adapter"))
    assert adapter < 0.5 * base
    assert results["perplexity"]["examples_lowered"] == len(EVAL)
    curve = results["learning_curve"]
    assert [(point["step"], point["is_adapter"]) for point in curve] == [
        (0, False),
        (5, False),
        (10, False),
        (15, True),
    ]
    assert (curve[0]["perplexity"], curve[-1]["perplexity"]) == (base, adapter)
    assert base > curve[1]["perplexity"] > curve[2]["perplexity"] > 0


@pytest.mark.torch
@pytest.mark.slow
def test_a_checkpoint_scores_as_if_it_were_the_adapter(work: Path, results: dict[str, Any]) -> None:
    files = ("--base_model", "base", "--adapter", "out/checkpoints/step-000005", "--eval_file", "eval.json")
    alone = ("--samples", "0", "--output_dir", "alone", "--checkpoints", "out")
    ran = run_script(sys.executable, SUBMISSION / "evaluate.py", *files, *alone, cwd=work)
    assert ran.returncode == 0, ran.stderr
    found = json.loads((work / "alone" / "results.json").read_text(encoding="utf-8"))
    first, *_, last = results["learning_curve"][1:]
    assert found["perplexity"]["adapter"]["perplexity"] == pytest.approx(first["perplexity"], rel=1e-5)
    assert found["learning_curve"][-1]["perplexity"] == pytest.approx(last["perplexity"], rel=1e-5)
    assert (found["few_shot"], found["texts"], found["samples"]) == ([], [], [])


@pytest.mark.torch
@pytest.mark.slow
def test_where_outputs_are_cut_there_are_no_bits_per_character(work: Path) -> None:
    (work / "long.json").write_text(json.dumps([*EVAL[:2], EVAL[2] | {"output": "宇宙" * 200}]), encoding="utf-8")
    files = ("--base_model", "base", "--adapter", "out/adapter_checkpoint", "--eval_file", "long.json")
    more = ("--checkpoints", "out", "--samples", "0", "--output_dir", "cut", "--max_tokens", "200")
    ran = run_script(sys.executable, SUBMISSION / "evaluate.py", *files, *more, cwd=work)
    assert ran.returncode == 0, ran.stderr
    found = json.loads((work / "cut" / "results.json").read_text(encoding="utf-8"))
    for one in (found["perplexity"]["base"], found["perplexity"]["adapter"], *found["learning_curve"]):
        assert (one["bits_per_character"], one["outputs_cut"], one["examples"]) == (None, 1, 3)
        assert one["perplexity"] > 0
    assert "outputs are cut, here up to 1 of 3:" in (work / "cut" / "report.md").read_text(encoding="utf-8")


@pytest.mark.torch
@pytest.mark.parametrize(("room", "expected"), [(1, (0, 0)), (0, (1, 0)), (-1, (1, 1))])
def test_outputs_that_are_cut_are_counted_by_how_many_exemplars_are_before(
    room: int, expected: tuple[int, int]
) -> None:
    from evaluation.measure import encode
    from test_encoding import Letters

    tokenizer: Any = Letters(bos_token_id=7)
    row = {"id": "e", "instruction": "天", "output": "宇" * 500}
    exemplar = {"instruction": "地", "output": "宙"}
    shot = 1 + len(get_prompt("地")) + len("宙") + 1
    whole = 1 + len(get_prompt("天")) + 500 + 1
    options = evaluate.build_parser().parse_args(["--base_model", "b", "--adapter", "a", "--eval_file", "eval.json"])
    work = evaluate.Work(
        options=options, rows=[row], shots=(1,), exemplars=[exemplar], checkpoints=[], predictions=None
    )
    options.max_tokens = whole + shot + room - 1
    assert encode(tokenizer, work, shots=1)[1] == expected[0]
    options.max_tokens = whole + room
    assert encode(tokenizer, work, shots=0)[1] == expected[1]


@pytest.mark.torch
@pytest.mark.slow
def test_few_shot_begins_with_the_bare_base(results: dict[str, Any]) -> None:
    few_shot = results["few_shot"]
    assert [one["shots"] for one in few_shot] == [0, 1, 3]
    assert few_shot[0]["perplexity"] == results["perplexity"]["base"]["perplexity"]
    assert len({one["perplexity"] for one in few_shot}) == 3
    assert few_shot[1]["exemplars"] == few_shot[2]["exemplars"][:1]
    instructions = {row["instruction"] for row in EVAL}
    assert not {one["instruction"] for one in few_shot[2]["exemplars"]} & instructions


@pytest.mark.torch
@pytest.mark.slow
def test_folder_holds_a_report_with_plots_that_are_whole(evaluated: tuple[Path, CompletedProcess[str]]) -> None:
    from PIL import Image

    folder, ran = evaluated
    names = [f"{name}.{kind}" for name in ("few_shot", "learning_curve", "perplexity") for kind in ("png", "svg")]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names, "report.md", "results.json"])
    for path in folder.glob("*.png"):
        with Image.open(path) as image:
            image.load()
            assert image.width >= 1400
            assert len(image.convert("RGB").getcolors(1 << 24) or []) > 20
    for path in folder.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in report for name in names if name.endswith(".png"))
    assert "| base, 3-shot | " in report
    assert "base, 3-shot: 9 examples" in ran.stderr
    assert "Warning" not in ran.stderr
    assert ran.stderr.endswith("wrote evaluation\n")


@pytest.mark.torch
@pytest.mark.slow
def test_samples_show_best_median_and_worst(results: dict[str, Any]) -> None:
    samples = results["samples"]
    assert [one["kind"] for one in samples] == ["best", "best", "median", "worst"]
    gains = [math.log(one["perplexity"]["adapter"] / one["perplexity"]["base"]) for one in samples]
    assert gains == sorted(gains)
    assert [one["name"] for one in results["texts"]] == ["base", "base, 1-shot", "base, 3-shot", "adapter"]
    assert all(one["answers"]["adapter"] for one in samples)


@pytest.mark.torch
@pytest.mark.slow
def test_exemplars_without_room_and_broken_weights_end_in_words(work: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for path in (work / "out" / "adapter_checkpoint").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "adapter_model.safetensors")
    save_file({name: tensor * math.nan for name, tensor in weights.items()}, tmp_path / "adapter_model.safetensors")
    files = ("--base_model", "base", "--adapter", tmp_path, "--eval_file", "eval.json", "--output_dir", "broken")
    few = ("--train_file", "train.json", "--shots", "3", "--max_tokens", "200")
    for options, message in (
        (few, "behind 3 exemplars: its prompt has "),
        ((), "adapter: the loss is not a number; its weights are broken, train again or download again"),
    ):
        ran = run_script(sys.executable, SUBMISSION / "evaluate.py", *files, *options, cwd=work)
        assert ran.returncode == 2
        assert message in ran.stderr
        assert "Traceback" not in ran.stderr
        assert ("loading" in ran.stderr) == (options == ())
    assert not (work / "broken").exists()


@pytest.mark.torch
@pytest.mark.parametrize(
    ("shots", "remedy"), [(0, "longer: e1 (7 tokens); cut them"), (5, "take fewer --shots, or cut")]
)
def test_examples_that_the_model_has_no_places_for_are_named(shots: int, remedy: str) -> None:
    from evaluation.measure import refuse_longer
    from files import InputError

    options = evaluate.build_parser().parse_args(["--base_model", "b", "--adapter", "a", "--eval_file", "eval.json"])
    work = evaluate.Work(options=options, rows=EVAL[:2], shots=(), exemplars=[], checkpoints=[], predictions=None)
    encoded: Any = {shots: [{"input_ids": [1] * length, "labels": [1] * length} for length in (6, 7)]}
    for most in (None, 7):
        refuse_longer(encoded, work, most=most)
    with pytest.raises(InputError, match="this model takes at most 6 tokens, and rows") as error:
        refuse_longer(encoded, work, most=6)
    assert remedy in str(error.value)
    assert str(error.value).endswith("by --max_tokens 6")
