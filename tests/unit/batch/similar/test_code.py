"""Code is unpacked again from what was handed in, and only what was graded counts."""

from pathlib import Path

import pytest

from harness.batch.similar.code import compare_code, read_code
from harness.batch.similar.entries import read_entries
from harness.errors import ConfigError
from harness.model.similar import Code
from tests.unit.batch.similar.conftest import AddOne
from tests.unit.similarity.test_code import ORIGINAL, OTHER, disguised

STARTER = "".join(
    f"def step_{n}(a, b):\n    return [a.pop({n}) for c in b if c is not None][-1]\n\n\n" for n in range(6)
)


def quiet(what: str, done: int, total: int) -> None:
    assert 0 < done <= total


@pytest.fixture
def assignment(root: Path) -> Path:
    return root / "assignments" / "classical-chinese"


def compared(run: Path, assignment: Path | None, hand_ins: Path | None, skeleton: Path | None = None) -> Code:
    return compare_code(
        read_entries([run]).all, sources=hand_ins, assignment=assignment, skeleton=skeleton, most=20, step=quiet
    )


def test_a_copy_is_found_and_the_skeleton_is_not(add: AddOne, tmp_path: Path, hand_ins: Path, assignment: Path) -> None:
    add("r13921031", code=STARTER + ORIGINAL)
    add("r13921032", code=STARTER + disguised(ORIGINAL))
    add("r13921033", code=STARTER + OTHER)
    (tmp_path / "starter").mkdir()
    (tmp_path / "starter" / "predict.py").write_text(STARTER)
    found = compared(tmp_path / "run", assignment, hand_ins, tmp_path / "starter")
    assert (found.compared, found.left_out, found.skeleton) == (3, (), str(tmp_path / "starter"))
    (pair,) = found.pairs
    assert (pair.a, pair.b) == ("r13921031", "r13921032") and pair.share > 0.9
    first = pair.matches[0]
    lines = (STARTER + ORIGINAL).splitlines()
    assert first.file_a == first.file_b == "predict.py"
    assert lines[first.first_line_a - 1] == "import json" and lines[first.last_line_a - 1] == "    return answers"
    without = compared(tmp_path / "run", assignment, hand_ins)
    assert without.skeleton is None and len(without.pairs) == 3


def test_what_is_left_out_says_why(add: AddOne, tmp_path: Path, hand_ins: Path, assignment: Path) -> None:
    for student in ("r13921031", "r13921032", "r13921033", "r13921034"):
        add(student, code=ORIGINAL)
    (hand_ins / "r13921031.zip").unlink()
    (hand_ins / "r13921032.zip").write_bytes((hand_ins / "r13921033.zip").read_bytes()[:100])
    add("other", code=OTHER)
    (hand_ins / "r13921033.zip").write_bytes((hand_ins / "other.zip").read_bytes())
    why = {one.submission: one.why for one in compared(tmp_path / "run", assignment, hand_ins).left_out}
    assert why == {
        "r13921031": f"r13921031.zip is not in {hand_ins}",
        "r13921032": "it cannot be unpacked",
        "r13921033": "r13921033.zip is not what was graded: it changed since",
    }
    for given, source, words in (
        (None, hand_ins, "its assignment is not known; give it with --assignment"),
        (assignment, None, "the run does not say where it lies; give the folder of the hand-ins with --from"),
    ):
        assert {one.why for one in compared(tmp_path / "run", given, source).left_out} == {words}


def test_links_are_not_followed_and_bounds_hold(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "secret.py").write_text(ORIGINAL)
    (tmp_path / "tree" / "a.py").symlink_to(tmp_path / "secret.py")
    (tmp_path / "tree" / "b.py").write_text("x = 1\n")
    (tmp_path / "tree" / "c.py").write_text("#" * 5_000_000)
    (tmp_path / "tree" / "notes.txt").write_text("no code")
    assert set(read_code(tmp_path / "tree")) == {"b.py"}


def test_a_folder_that_is_not_there_is_refused(add: AddOne, tmp_path: Path, assignment: Path) -> None:
    add("r13921031")
    with pytest.raises(ConfigError, match=f"There is no folder {tmp_path}/nowhere"):
        compared(tmp_path / "run", assignment, tmp_path / "nowhere")
