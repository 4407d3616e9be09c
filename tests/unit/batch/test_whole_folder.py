"""A folder is there whole, or as it was."""

from pathlib import Path

import pytest

from harness.batch.whole_folder import MARK, whole_folder
from harness.errors import ConfigError


def fill(target: Path, text: str) -> None:
    with whole_folder(target) as folder:
        (folder / "page").write_text(text)


def test_an_earlier_one_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "report"
    fill(target, "one")
    (target / "old").write_text("old")
    fill(target, "two")
    assert sorted(path.name for path in target.iterdir()) == [MARK, "page"]
    assert (target / "page").read_text() == "two"
    assert [path.name for path in target.parent.iterdir()] == ["report"]


def test_when_it_fails_all_is_as_before(tmp_path: Path) -> None:
    target = tmp_path / "report"
    fill(target, "one")
    with pytest.raises(ZeroDivisionError), whole_folder(target) as folder:
        (folder / "page").write_text("half")
        _ = 1 / 0
    assert (target / "page").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_what_is_of_others_stays(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("x")
    with pytest.raises(ConfigError, match="holds something else than a report"):
        fill(tmp_path / "thesis", "x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    for name in ("file", "link"):
        with pytest.raises(ConfigError, match="is no folder"):
            fill(tmp_path / name, "x")
    assert (tmp_path / "thesis" / "chapter").read_text() == "x"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    fill(tmp_path / "new", "x")
    assert (tmp_path / "new" / "page").read_text() == "x"


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written"):
        fill(tmp_path / "file" / "report", "x")
