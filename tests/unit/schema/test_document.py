from pathlib import Path

import pytest

from harness.schema.document import load, load_json, load_yaml


def test_locates_values_in_json() -> None:
    document = load_json('[\n  {"a/b": "字", "~": [1, 2]}\n]'.encode(), "f.json")
    assert document.locate("") == (1, 1)
    assert document.locate("/0/a~1b") == (2, 11)
    assert document.locate("/0/~0/1") == (2, 25)
    assert document.places(["/0/a~1b"])["/0/a~1b"].key == (2, 4)


def test_locates_values_in_yaml() -> None:
    document = load_yaml(b"a:\n  - 1\n  - b: 2\n", "f.yaml")
    assert document.locate("/a/1/b") == (3, 8)


def test_what_is_not_there_has_no_place() -> None:
    for document in (load_json(b"[1]", "f"), load_yaml(b"[1]", "f")):
        assert document.places(["/0", "/1"]).keys() == {"/0"}
        with pytest.raises(KeyError):
            document.locate("/1")


def test_the_ending_tells_the_format(tmp_path: Path) -> None:
    for name in ("a.yaml", "a.YML"):
        (tmp_path / name).write_text("a: yes\n")
        assert load(tmp_path / name).data == {"a": "yes"}
    (tmp_path / "a.json").write_text('{"a": "yes"}')
    document = load(tmp_path / "a.json")
    assert document.data == {"a": "yes"}
    assert document.name == str(tmp_path / "a.json")
