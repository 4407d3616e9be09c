"""What evaluate.py says of options, files and folders before a model is loaded."""

import json
from pathlib import Path

import evaluate
import pytest
from loopback import adapter_entries, write_adapter
from test_evaluate import EVAL, TRAIN


def write(folder: Path, *, eval_rows: object = EVAL, train_rows: object = TRAIN) -> list[str]:
    write_adapter(folder / "adapter")
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
