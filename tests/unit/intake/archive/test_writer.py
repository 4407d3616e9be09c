"""The budget holds at every moment, not only at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.intake.archive.entries import OverBudget
from harness.intake.archive.names import RefusedName
from harness.intake.archive.writer import TreeWriter


def on_disk(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def test_disk_never_holds_more_than_the_budget_while_writing(tmp_path: Path) -> None:
    writer = TreeWriter(tmp_path, max_bytes=1000, max_files=10)
    seen: list[int] = []

    def chunks() -> Iterator[bytes]:
        while True:
            seen.append(on_disk(tmp_path))
            yield bytes(300)

    writer.add_file(("first",), iter([bytes(200)]), executable=False)
    with pytest.raises(OverBudget, match=r"more than 0\.001 MB"):
        writer.add_file(("second",), chunks(), executable=False)
    assert seen == [200, 500, 800]
    assert on_disk(tmp_path) == 800


def test_one_huge_chunk_is_not_written(tmp_path: Path) -> None:
    writer = TreeWriter(tmp_path, max_bytes=1000, max_files=10)
    with pytest.raises(OverBudget):
        writer.add_file(("a",), iter([bytes(5_000_000)]), executable=False)
    assert on_disk(tmp_path) == 0


def test_content_of_a_refused_name_is_not_asked_for(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        pytest.fail("the content was asked for")
        yield b""

    writer = TreeWriter(tmp_path, max_bytes=1000, max_files=10)
    writer.add_file(("a",), iter([]), executable=False)
    with pytest.raises(RefusedName, match="collides with `a`"):
        writer.add_file(("A",), chunks(), executable=False)


def test_nothing_is_written_through_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"mine")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a").symlink_to(tmp_path / "outside")
    writer = TreeWriter(tmp_path / "root", max_bytes=1000, max_files=10)
    with pytest.raises(Exception, match="cannot write the unpacked submission"):
        writer.add_file(("a",), iter([b"x"]), executable=False)
    assert (tmp_path / "outside").read_bytes() == b"mine"
