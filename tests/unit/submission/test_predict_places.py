"""predict.py replaces and removes nothing but what it wrote itself, and says so before a model is loaded."""

import json
import os
from pathlib import Path

import predict
import pytest
from loopback import write_adapter
from test_predict import ROWS, written


@pytest.mark.parametrize(
    "content", [json.dumps([{"id": "a", "instruction": "x", "output": "y"}]), "notes", "{}", "[[]]"]
)
def test_output_that_holds_something_else_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    output = tmp_path / "mytrain.json"
    write_adapter(tmp_path)
    (tmp_path / "in.json").write_text(json.dumps(ROWS))
    output.write_text(content)
    places = ["x/y", str(tmp_path), str(tmp_path / "in.json"), str(output)]
    assert predict.main(places) == 2
    assert f"OUTPUT {output} exists and holds no answers of predict.py, a list of {{id" in capsys.readouterr().err
    assert output.read_text() == content
    output.write_text(json.dumps([{"id": "a", "output": "y"}]))
    predict.check_arguments(predict.build_parser().parse_args(places))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("adapter", "OUTPUT {output} is a folder; give the name of a file in it"),
        ("adapter/../in.json", "OUTPUT {output} is INPUT; give another name as OUTPUT"),
        ("in.json/out.json", "cannot make the folder of OUTPUT {output}: "),
    ],
)
def test_an_output_that_cannot_be_written_is_told_before_anything_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str, message: str
) -> None:
    write_adapter(tmp_path / "adapter")
    (tmp_path / "in.json").write_text(json.dumps(ROWS))
    places = [str(tmp_path / name) for name in ("base", "adapter", "in.json", output)]
    assert predict.main(places) == 2
    assert capsys.readouterr().err.startswith(f"predict.py: {message.format(output=places[3])}")
    assert json.loads((tmp_path / "in.json").read_text()) == ROWS


@pytest.mark.parametrize("kind", [".partial", ".partial.old"])
@pytest.mark.parametrize("linked", [False, True])
def test_an_input_where_answers_are_kept_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, linked: bool
) -> None:
    base, adapter, _, output = written(tmp_path, tmp_path / "q.json")
    kept = tmp_path / f"q.json{kind}"
    kept.write_text(json.dumps(ROWS))
    if linked:
        (tmp_path / "linked.json").hardlink_to(kept)
    assert predict.main([base, adapter, str(tmp_path / "linked.json" if linked else kept), output]) == 2
    message = f"predict.py: INPUT is {kept}, where answers are kept; give another name as OUTPUT\n"
    assert capsys.readouterr().err == message
    assert json.loads(kept.read_text()) == ROWS


@pytest.mark.parametrize("name", ["out.json", "out.json.partial", "out.json.partial.old", "link.json"])
def test_what_is_no_plain_file_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    os.mkfifo(tmp_path / name.replace("link", "real"))
    (tmp_path / "link.json").symlink_to("real.json")
    places = written(tmp_path, tmp_path / name.partition(".partial")[0])
    assert predict.main(places) == 2
    assert f"{tmp_path / name.replace('link', 'real')} is no plain file, and would be" in capsys.readouterr().err
    assert (tmp_path / name).is_fifo()


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "link.json").symlink_to("made/out.json")
    arguments = predict.build_parser().parse_args(written(tmp_path, tmp_path / "link.json"))
    predict.check_arguments(arguments)
    assert arguments.output == tmp_path / "made" / "out.json"
    (tmp_path / "round.json").symlink_to("round.json")
    assert predict.main(written(tmp_path, tmp_path / "round.json")) == 2
    assert "round.json is no plain file" in capsys.readouterr().err


@pytest.mark.parametrize(("kept", "words"), [(True, "goes on from {}.partial"), (False, "begins anew, as no")])
def test_ctrl_c_ends_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kept: bool, words: str
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "predict", stop)
    monkeypatch.setattr(predict, "prepare_libraries", lambda _: None)
    output = tmp_path / "out.json"
    output.with_name("out.json.partial").write_text('{"id": "q' * kept)
    assert predict.main(written(tmp_path, output)) == 130
    assert capsys.readouterr().err.startswith(f"predict.py: stopped; the same command {words.format(output)}")
