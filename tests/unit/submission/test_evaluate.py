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
from loopback import SUBMISSION, adapter_entries, run_script
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
@pytest.mark.parametrize(("cap", "own_head"), [(None, True), (2.0, False)])
@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_losses_are_those_of_a_slow_loop(cap: float | None, own_head: bool, batch_tokens: int) -> None:
    import torch
    from evaluation.likelihoods import Meter
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {"num_key_value_heads": 1, "head_dim": 16, "vocab_size": 50, "initializer_range": 0.3}
    model = Gemma2ForCausalLM(Gemma2Config(**size, **more, final_logit_softcapping=cap)).eval()
    examples = [
        {"input_ids": ids, "labels": [-100] * prompt + ids[prompt:]}
        for prompt, length in ((3, 9), (1, 2), (7, 8), (2, 30), (3, 9))
        for ids in [torch.randint(1, 50, (length,)).tolist()]
    ]
    meter = Meter(model, padding=0, batch_tokens=batch_tokens)
    found = meter.measure(examples, name="test")  # type: ignore[arg-type]
    assert meter.own_head == own_head
    for example, seen in zip(examples, found, strict=True):
        with torch.no_grad():
            log_p = model(input_ids=torch.tensor([example["input_ids"]])).logits[0].double().log_softmax(-1)
        places = [place for place, label in enumerate(example["labels"]) if label != -100]
        slow = -sum(log_p[place - 1, example["labels"][place]].item() for place in places)
        assert (seen.tokens, seen.nll_nats) == (len(places), pytest.approx(slow, rel=1e-5))


@pytest.mark.torch
@pytest.mark.parametrize(("kind", "own_head"), [("gemma2", False), ("granite", False), ("qwen3", True)])
def test_in_bf16_too_logits_that_are_no_product_are_the_models_own(kind: str, own_head: bool) -> None:
    import torch
    from evaluation.likelihoods import Meter
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {"num_key_value_heads": 1, "head_dim": 16, "vocab_size": 50, "initializer_range": 0.1, "pad_token_id": 0}
    odd = {"gemma2": {"final_logit_softcapping": 10.0}, "granite": {"logits_scaling": 0.99}}
    config = AutoConfig.for_model(kind, **size, **more, **odd.get(kind, {}))
    model = AutoModelForCausalLM.from_config(config).to(torch.bfloat16).eval()
    ids = torch.randint(1, 50, (9,)).tolist()
    meter = Meter(model, padding=0, batch_tokens=64)
    (found,) = meter.measure([{"input_ids": ids, "labels": [-100] * 3 + ids[3:]}], name="test")
    with torch.no_grad():
        log_p = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    assert meter.own_head == own_head
    assert found.nll_nats == pytest.approx(-sum(log_p[at - 1, ids[at]].item() for at in range(3, 9)), rel=1e-4)


@pytest.mark.torch
def test_where_positions_depend_on_the_length_each_example_is_measured_alone() -> None:
    import torch
    from evaluation.likelihoods import Meter
    from transformers import AutoModelForCausalLM, Phi3Config

    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    rope = {"rope_type": "longrope", "short_factor": [1.0] * 8, "long_factor": [4.0] * 8, "rope_theta": 10000.0}
    more = {"num_key_value_heads": 1, "vocab_size": 50, "initializer_range": 0.5, "pad_token_id": 0}
    bounds = {"original_max_position_embeddings": 12, "max_position_embeddings": 64}
    model = AutoModelForCausalLM.from_config(Phi3Config(**size, **more, **bounds, rope_parameters=rope)).eval()
    texts = [torch.randint(1, 50, (length,)).tolist() for length in (9, 30, 8)]
    examples: list[Any] = [{"input_ids": ids, "labels": [-100, *ids[1:]]} for ids in texts]
    together = Meter(model, padding=0, batch_tokens=400).measure(examples, name="test")
    alone = [Meter(model, padding=0, batch_tokens=400).measure([one], name="test")[0] for one in examples]
    assert [one.nll_nats for one in together] == pytest.approx([one.nll_nats for one in alone], rel=1e-6)


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


def write(folder: Path, *, eval_rows: object = EVAL, train_rows: object = TRAIN) -> list[str]:
    for name, content in adapter_entries("adapter/").items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "eval.json").write_text(json.dumps(eval_rows))
    (folder / "train.json").write_text(json.dumps(train_rows))
    (folder / "predictions.json").write_text(json.dumps([{"id": row["id"], "output": ""} for row in EVAL]))
    places = {"--base_model": "base", "--adapter": "adapter", "--eval_file": "eval.json", "--train_file": "train.json"}
    options = [word for option, name in places.items() for word in (option, str(folder / name))]
    return [*options, "--output_dir", str(folder / "made")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--eval_file", "nowhere.json"], "cannot read nowhere.json: No such file or directory"),
        (["--shots", "21"], "21 exemplars are asked for, and --train_file has 19 rows that are not in --eval_file"),
        (["--batch_tokens", "0"], "--batch_tokens is 0; it must be at least 1"),
        (["--max_tokens", "2"], "--max_tokens is 2; it must be at least 3"),
        (["--samples", "-1"], "--samples is -1; it must be at least 0"),
        (
            ["--adapter", "nowhere"],
            "no usable adapter in nowhere: there is no such folder; run download.sh or train.py",
        ),
        (["--checkpoints", "nowhere"], "--checkpoints nowhere: no checkpoints/step-* in it; give the --output_dir of"),
        ([], "no base model at "),
    ],
)
def test_bad_options_are_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert evaluate.main([*write(tmp_path), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*EVAL[1:], {"id": "x", "output": "y"}], "has no answer to e0"),
        ([*EVAL, {"id": "x", "output": "y"}], "answers what --eval_file does not ask: x"),
        ([{"id": "e0", "output": 3}, *EVAL[1:]], "has no text as output of e0"),
        ([{"id": "e0", "output": "\ud800"}, *EVAL[1:]], "has half a character (a lone surrogate) in the output of e0"),
    ],
)
def test_predictions_must_answer_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: object, message: str
) -> None:
    options = [*write(tmp_path), "--predictions", str(tmp_path / "predictions.json")]
    (tmp_path / "predictions.json").write_text(json.dumps(rows))
    assert evaluate.main(options) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("told", [True, False])
def test_predictions_that_are_the_references_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], told: bool
) -> None:
    options = write(tmp_path)
    path = tmp_path / ("eval.json" if told else "predictions.json")
    evaluate.check(evaluate.build_parser().parse_args([*options, "--predictions", str(path)]))
    message = f"every answer in --predictions {path} is its reference to the letter; is it what predict.py wrote?\n"
    assert capsys.readouterr().err == message * told


def test_checkpoints_of_another_shape_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [*write(tmp_path), "--checkpoints", str(tmp_path / "out" / "checkpoints")]
    step = tmp_path / "out" / "checkpoints" / "step-000007"
    step.mkdir(parents=True)
    for name, content in adapter_entries().items():
        (step / name).write_bytes(content.replace(b'"r": 16', b'"r": 8'))
    assert evaluate.main(options) == 2
    words = f"{step} has r 8, {tmp_path / 'adapter'} has r 16: they are not of one training run"
    assert words in capsys.readouterr().err


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = write(tmp_path)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "thesis.md").write_text("years of work")
    assert evaluate.main(options) == 2
    assert "is replaced as a whole, but holds thesis.md; name a new folder" in capsys.readouterr().err
    assert (tmp_path / "made" / "thesis.md").exists()


def test_an_earlier_report_is_replaced_only_when_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = write(tmp_path)
    made = tmp_path / "made"
    made.mkdir()
    assert evaluate.check(evaluate.build_parser().parse_args(options)).rows == EVAL, "an empty folder is none"
    (made / "report.md").write_text("hours")
    (made / "few_shot.png").write_text("hours")
    assert evaluate.main(options) == 2
    assert (
        f"--output_dir {made} holds an earlier report (few_shot.png, report.md); --overwrite replaces it, or name "
        "another --output_dir\n"
    ) in capsys.readouterr().err
    assert evaluate.check(evaluate.build_parser().parse_args([*options, "--overwrite"])).rows == EVAL
    (made / "thesis.md").write_text("years of work")
    assert evaluate.main([*options, "--overwrite"]) == 2
    assert "but holds thesis.md" in capsys.readouterr().err


def test_a_folder_that_cannot_be_replaced_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = write(tmp_path)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for name in (".", "..", str(tmp_path / "empty")):
        assert evaluate.main([*options, "--output_dir", name]) == 2
        assert "is replaced as a whole, but this command stands in it" in capsys.readouterr().err
    assert evaluate.main([*options, "--output_dir", str(tmp_path / "eval.json" / "made")]) == 2
    assert "where --output_dir goes: File exists" in capsys.readouterr().err


def test_a_link_to_a_folder_stays_and_the_report_goes_where_it_leads(tmp_path: Path) -> None:
    options = write(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    work = evaluate.check(evaluate.build_parser().parse_args([*options, "--output_dir", str(tmp_path / "link")]))
    assert work.options.output_dir == tmp_path / "real"


def test_ctrl_c_ends_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate, "prepare_libraries", stop)
    assert evaluate.main(write(tmp_path)) == 130
    assert capsys.readouterr().err == "evaluate.py: stopped; nothing is written, and the same command begins anew\n"


def test_shots_need_rows_to_take_them_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = write(tmp_path)[:6]  # without --train_file
    assert evaluate.main([*options, "--shots", "3,1"]) == 2
    assert "--shots 1,3 needs --train_file, where the exemplars come from" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        evaluate.main([*options, "--shots", "one"])
    assert ended.value.code == 2
    assert "argument --shots: 'one' is not like 0,1,3,5" in capsys.readouterr().err
