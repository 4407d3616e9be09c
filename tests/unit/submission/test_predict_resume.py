"""A run that is killed loses nothing that was finished, and leaves OUTPUT whole or not at all."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import predict
import pytest
from files import InputError
from loopback import SUBMISSION, run_script, write_adapter
from prediction import partial as partial_answers

ROWS = [{"id": f"q-{n}", "instruction": ("天地玄黃宇宙洪荒日月盈昃" * 5)[: n % 50 + 1]} for n in range(40)]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def command(base: Path, rows: Path, output: Path, *options: str) -> list[str]:
    script = str(SUBMISSION / "predict.py")
    return [sys.executable, script, str(base), str(base.parent / "adapter"), str(rows), str(output), *options]


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """Make an adapter folder that nobody loads."""
    return write_adapter(tmp_path / "adapter")


@pytest.mark.torch
@pytest.mark.slow
def test_kill_in_the_middle_loses_at_most_a_batch(tiny_base: Path, tmp_path: Path) -> None:
    rows, output, kept = (tmp_path / name for name in ("rows.json", "out.json", "out.json.partial"))
    rows.write_text(json.dumps(ROWS), encoding="utf-8")
    options = ("--batch_size", "2", "--max_new_tokens", "150")
    killed = subprocess.Popen(command(tiny_base, rows, output, *options), stderr=subprocess.PIPE, env=ENVIRONMENT)
    deadline_s = time.monotonic() + 240
    while not (kept.exists() and kept.read_bytes().count(b"\n") >= 5):
        assert killed.poll() is None and time.monotonic() < deadline_s, killed.communicate()
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not output.exists()
    finished = kept.read_text(encoding="utf-8").splitlines()
    assert 5 <= len(finished) < len(ROWS)
    with kept.open("a", encoding="utf-8") as file:
        file.write('{"id": "q-0", "outp')  # a line that the kill cut off

    again = run_script(*command(tiny_base, rows, output, *options), env=ENVIRONMENT)
    assert again.returncode == 0, again.stderr
    assert f"going on: {len(finished)} of 40 are answered in {kept}; delete it to begin anew" in again.stderr
    assert f"not used: lines of {kept} that are of another run, or not whole: 1\n" in again.stderr
    assert not kept.exists()
    undisturbed = run_script(*command(tiny_base, rows, tmp_path / "whole.json", *options), env=ENVIRONMENT)
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert "going on" not in undisturbed.stderr
    assert "at --max_new_tokens 150: q-" in undisturbed.stderr
    assert output.read_text(encoding="utf-8") == (tmp_path / "whole.json").read_text(encoding="utf-8")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.json", "rows.json", "whole.json"]


def test_only_answers_with_the_same_digest_are_used(tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    first = partial_answers.Partial(output, {"a": "1", "b": "2"})
    first.begin()
    first.add("a", output="天\n地", cut=False)
    first.add("b", output="玄", cut=True)
    same = partial_answers.Partial(output, {"b": "2", "a": "1"})
    assert (same.found["a"]["output"], same.found["b"]["cut"], same.unused) == ("天\n地", True, 0)
    other = partial_answers.Partial(output, {"a": "1", "b": "3", "c": "4"})
    assert (set(other.found), other.unused) == ({"a"}, 1)
    other.begin()
    assert len(other.path.read_text(encoding="utf-8").splitlines()) == 1
    other.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["out.json.partial.old"]


def test_finished_answers_of_another_run_can_be_had_again(tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    for digest, text in (("1", "天"), ("2", "地"), ("3", "玄")):
        run = partial_answers.Partial(output, {"a": digest})
        run.begin()
        run.add("a", output=text, cut=False)
    assert run.old_path.read_text(encoding="utf-8").count("\n") == 2
    run.old_path.rename(run.path)
    assert [partial_answers.Partial(output, {"a": one}).found["a"]["output"] for one in "12"] == ["天", "地"]


@pytest.mark.parametrize(
    "line", ["", "[]", "3", "[" * 9999, '{"id": "a"}', '{"id": 1, "output": "x", "cut": true, "digest": "1"}']
)
def test_a_line_that_is_not_whole_is_not_used(tmp_path: Path, line: str) -> None:
    (tmp_path / "out.json.partial").write_bytes(line.encode() + b"\n\xff\xfe\n")
    found = partial_answers.Partial(tmp_path / "out.json", {"a": "1"})
    assert found.found == {}
    assert found.unused == 1 + bool(line)


ENTRY = '{"id": "a", "output": "\u5929", "cut": false, "digest": "1"}\n'


@pytest.mark.parametrize(
    ("content", "foreign"),
    [
        ("", False),
        (ENTRY, False),
        (ENTRY + ENTRY[:20], False),
        ("notes\n" + ENTRY, False),
        *((ENTRY[:length], False) for length in (1, 7, 8, 9, 40)),
        ("notes", True),
        ("notes\nof years\n", True),
        ('{"id": "a", "instruction": "q"}\n', True),
        ('[{"id": "a", "instruction": "q"}]', True),
        (ENTRY[:20] + "\n" + ENTRY[:20], True),
        ("\ufffd\x00", True),
    ],
)
def test_a_file_that_no_run_left_is_not_taken_for_its_answers(tmp_path: Path, content: str, foreign: bool) -> None:
    kept = tmp_path / "out.json.partial"
    kept.write_text(content, encoding="utf-8")
    if not foreign:
        partial_answers.refuse_foreign(tmp_path / "out.json")
        return
    with pytest.raises(InputError, match=f"^{kept} holds no answers of predict.py, which keeps them there until"):
        partial_answers.refuse_foreign(tmp_path / "out.json")


def test_a_foreign_file_is_told_before_anything_is_loaded_and_stays(
    tmp_path: Path, adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.json").write_text(json.dumps(ROWS))
    (tmp_path / "out.json.partial").write_text("years of work")
    assert predict.main(["x/y", str(adapter), str(tmp_path / "in.json"), str(tmp_path / "out.json")]) == 2
    assert "move it away, or give another name as OUTPUT" in capsys.readouterr().err
    assert (tmp_path / "out.json.partial").read_text() == "years of work"


def test_the_digest_depends_on_all_that_decides_an_answer(adapter: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    weights = base / "model.safetensors"

    def digest(**settings: object) -> str:
        return partial_answers.digest(str(base), adapter, {"max_new_tokens": 256, **settings})

    digests = [digest(), digest(max_new_tokens=255), digest(quantised={"dtype": object})]
    digests.append(partial_answers.digest("hub/name", adapter, {"max_new_tokens": 256}))
    for name in ("config.json", "generation_config.json", "tokenizer.json", "vocab.txt", "chat_template.jinja"):
        for text in ("{}", '{"a": 1}'):
            (base / name).write_text(text)
            digests.append(digest())
    # Weights: another header, another size.
    for content in (header("a") + b"12", header("b") + b"12", header("b") + b"123"):
        weights.write_bytes(content)
        digests.append(digest())
    (adapter / "adapter_model.safetensors").write_bytes(b"others")
    digests.append(digest())
    digests += [partial_answers.digest_of_row(digests[0], text) for text in ("a", "b")]
    assert len(set(digests)) == len(digests)
    assert digest() == digests[-3]


def header(text: str) -> bytes:
    return len(text).to_bytes(8, "little") + text.encode()
