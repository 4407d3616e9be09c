"""Rows that cannot be used are named with their place; a folder of ours is replaced without what lies beside."""

import json
import os
import tempfile
from pathlib import Path

import pytest
from files import InputError, read_rows, replace_own

from harness.schema.assignment import load_examples

GOOD = {"id": "a", "instruction": "天地", "output": "宇宙"}
FIELDS = ("instruction", "output")


def refused(path: Path, content: bytes | str | None) -> str:
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as error:
        read_rows(path, fields=FIELDS)
    return str(error.value)


@pytest.mark.parametrize(
    "text", [json.dumps([GOOD]), json.dumps([GOOD], ensure_ascii=False), "\ufeff" + json.dumps([GOOD])]
)
def test_one_row_is_enough(tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.json").write_text(text, encoding="utf-8")
    assert read_rows(tmp_path / "rows.json", fields=FIELDS) == [GOOD]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([GOOD, {"id": "b", "instruction": "x"}], "row 1 has no output; rows are counted from 0"),
        ([{"id": "b"}], "row 0 has no instruction and no output; rows"),
        ([GOOD, {**GOOD, "id": "b", "output": " \n\u3000"}], "row 1 has an empty output"),
        ([{**GOOD, "output": 3}], "row 0 has 3 as output, which must be text"),
        ([{**GOOD, "output": None}], "row 0 has null as output, which must be text"),
        ([{**GOOD, "instruction": ["x"]}], 'row 0 has ["x"] as instruction, which must be text'),
        ([GOOD, GOOD], "row 1 has the id a of row 0"),
        ([{**GOOD, "id": 7}, {**GOOD, "id": 7}], "row 1 has the id 7 of row 0"),
        ([GOOD, "x"], "row 1 is no object like {...}"),
        ([GOOD, [GOOD]], "row 1 is no object like {...}"),
        ([{**GOOD, "output": "a\ud83d"}], "row 0 has half a character (a lone surrogate) in output"),
        ([{}] * 5, "row 2 has no instruction and no output (and 2 more); rows are counted from 0"),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path: Path, rows: list[object], message: str) -> None:
    path = tmp_path / "rows.json"
    words = refused(path, json.dumps(rows))
    assert words.startswith(f"{path}: row 0") or words.startswith(f"{path}: row 1")
    assert message in words


def test_white_space_is_a_question_but_nothing_to_learn(tmp_path: Path) -> None:
    rows = [{**GOOD, "instruction": " \n\u3000"}]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    assert len(load_examples(tmp_path / "rows.json")) == 1  # the grader asks it
    assert read_rows(tmp_path / "rows.json", fields=("id", "instruction")) == rows
    assert "row 0 has an empty instruction" in refused(tmp_path / "rows.json", None)
    (tmp_path / "rows.json").write_text(json.dumps([{**GOOD, "instruction": ""}]))
    with pytest.raises(InputError, match="row 0 has an empty instruction"):
        read_rows(tmp_path / "rows.json", fields=("id", "instruction"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read {path}: No such file or directory; check the path"),
        ("[]", "{path} must be a JSON array with at least one object in it, like [{{...}}, {{...}}]"),
        (json.dumps(GOOD), "{path} must be a JSON array"),
        ("", "{path} is empty; it must be a JSON array of objects"),
        (" \n", "{path} is empty; it must be a JSON array of objects"),
        ("x", "{path} is not JSON in UTF-8: Expecting value: line 1 column 1 (char 0); write it with json.dump"),
        (
            '[{"instruction": "x", "output": "y"}, {"instruction": "x", "output": "y", "output": "z"}]',
            "{path}: row 1 has a key twice; rows are counted from 0",
        ),
        ("[{", "{path} is not JSON in UTF-8: Expecting property name"),
        ("[" * 100_000, "{path} is nested too deeply; it must be a flat array of objects"),
        (
            f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}\n",
            "{path} is JSON lines, an object a line; write one array: json.dump(",
        ),
        (json.dumps([GOOD], ensure_ascii=False).encode("big5"), "{path} is not UTF-8 (byte 29); save it as UTF-8"),
        (json.dumps([GOOD]).encode("utf-16"), "{path} is not UTF-8 (byte 0); save it as UTF-8"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, content: bytes | str | None, message: str) -> None:
    path = tmp_path / "rows.json"
    assert message.format(path=path) in refused(path, content)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert refused(tmp_path, None) == f"cannot read {tmp_path}: Is a directory; check the path"


def test_a_folder_of_ours_is_replaced_on_another_disk_too(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk")
    with tempfile.TemporaryDirectory(dir=memory) as elsewhere:
        for name in ("a", "b", "notes"):
            (Path(elsewhere) / name).write_text("old")
        (tmp_path / "link").symlink_to(elsewhere)
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "a").write_text("new")
        replace_own(tmp_path / "new", tmp_path / "link", own=("a", "b"))
        assert {path.name: path.read_text() for path in Path(elsewhere).iterdir()} == {"a": "new", "notes": "old"}
