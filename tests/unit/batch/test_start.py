"""What `harness init` makes."""

from pathlib import Path

import pytest

from benchmarks.simulated import make_base
from harness.batch.start import start
from harness.errors import ConfigError, EnvironmentFault
from harness.intake.reference import reference_files


@pytest.fixture
def assignment(root: Path) -> Path:
    return root / "assignments" / "classical-chinese"


def test_the_reference_is_copied_and_can_be_packed(tmp_path: Path, root: Path) -> None:
    made = start(tmp_path / "new", student_id=None, assignment_path=None, base_path=None)
    copied = {str(path.relative_to(made.folder)) for path in made.folder.rglob("*") if path.is_file()}
    assert copied == set(reference_files())
    assert {"run.sh", "download.sh", "submission/utils.py", "submission/pack.py", "submission/README.md"} <= copied
    assert {"submission/configs/ddp.yaml", "submission/train_on_colab.ipynb"} <= copied
    assert (made.folder / "run.sh").read_bytes() == (root / "run.sh").read_bytes()
    assert [(made.folder / name).stat().st_mode & 0o777 for name in ("run.sh", "submission/utils.py")] == [0o755, 0o644]
    assert (made.files, made.adapter, made.named) == (len(copied), None, True)


@pytest.mark.parametrize(
    ("given", "student_id", "expected", "named"),
    [
        ("r13921031", None, "r13921031", True),
        ("homework", None, "homework", False),
        ("homework", "r13921031", "homework/r13921031", True),
        ("hw1_r13921031", "r13921031", "hw1_r13921031", True),
    ],
)
def test_where_it_is_made(
    tmp_path: Path, assignment: Path, given: str, student_id: str | None, expected: str, named: bool
) -> None:
    made = start(tmp_path / given, student_id=student_id, assignment_path=assignment, base_path=None)
    assert (made.folder, made.named) == (tmp_path / expected, named)
    assert (made.folder / "run.sh").is_file()


def test_an_adapter_where_the_assignment_looks_for_it(tmp_path: Path, assignment: Path) -> None:
    folder = tmp_path / "changed"
    (folder / "data").mkdir(parents=True)
    for name in ("public.json", "train.json"):
        (folder / "data" / name).write_bytes((assignment / "data" / name).read_bytes())
    text = (assignment / "assignment.yaml").read_text(encoding="utf-8")
    changed = text.replace("path: adapter_checkpoint", "path: weights/lora").replace("max_rank: 64", "max_rank: 2")
    (folder / "assignment.yaml").write_text(changed, encoding="utf-8")
    base = make_base(tmp_path / "Qwen3-tiny")
    made = start(tmp_path / "r13921031", student_id=None, assignment_path=folder, base_path=base)
    assert made.adapter is not None and made.adapter.rank == 2
    assert (made.folder / "weights" / "lora" / "adapter_model.safetensors").is_file()
    assert "--output weights/lora" in (made.folder / "download.sh").read_text(encoding="utf-8")
    assert made.train_file == folder / "data" / "train.json"


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for path in (tmp_path / "full", tmp_path / "full" / "mine.txt"):
        with pytest.raises(ConfigError, match="is there and not empty"):
            start(path, student_id=None, assignment_path=None, base_path=None)
    assert [one.name for one in (tmp_path / "full").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert start(tmp_path / "empty", student_id=None, assignment_path=None, base_path=None).files > 10


def test_nothing_is_left_where_it_cannot_be_made(tmp_path: Path, assignment: Path) -> None:
    base = make_base(tmp_path / "Qwen3-tiny")
    (base / "model.safetensors").unlink()
    with pytest.raises(EnvironmentFault):
        start(tmp_path / "new", student_id=None, assignment_path=assignment, base_path=base)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("student_id", ["../x", ".ssh", "nobody at all", "R1"])
def test_a_wrong_student_id(tmp_path: Path, assignment: Path, student_id: str) -> None:
    with pytest.raises(ConfigError, match="does not match the pattern"):
        start(tmp_path / "new", student_id=student_id, assignment_path=assignment, base_path=None)
    assert not (tmp_path / "new").exists()
