"""What of submission/ is handed in: whatever pack.py packs, the grader unpacks whole."""

import os
from pathlib import Path

import code_files
import limits
import pack
import pytest
from code_files import files_to_pack
from files import InputError

from harness.intake.archive.unpack import unpack

STUDENT = "r13921031"
PLAIN = ("run.sh", "download.sh", "submission/utils.py")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a folder with what is handed in at least."""
    folder = tmp_path / "root"
    write(folder, *PLAIN)
    return folder


def write(root: Path, *names: str, content: str = 'ADAPTER_SOURCE=""\nADAPTER_SHA256=""\n') -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def unpacked(root: Path, tmp_path: Path) -> list[str]:
    """Pack as pack.py does and unpack as the grader does; give the names."""
    made = pack.pack(root, tmp_path / "made.zip", student_id=STUDENT, source="x", sha256="0" * 64)
    most = {"max_bytes": limits.MAX_HAND_IN_BYTES, "max_files": limits.MAX_FILES}
    assert unpack(made, tmp_path / "unpacked", ignored=limits.IGNORED, **most) == ()
    folder = tmp_path / "unpacked" / STUDENT
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["extra 漢字 é.py", "a:b.py", "deep/er/x.py", "-x.py", "utils.py.py"])
def test_what_is_packed_is_unpacked(root: Path, tmp_path: Path, name: str) -> None:
    write(root, f"submission/{name}")
    assert unpacked(root, tmp_path) == sorted([*PLAIN, f"submission/{name}"])


def test_hidden_files_and_folders_of_a_code_files_name_stay_behind(root: Path, tmp_path: Path) -> None:
    write(root, "submission/.venv/lib/a.py", "submission/.venv/lib/distutils-precedence.pth", "submission/.x.zip")
    (root / "submission" / "folder.py").mkdir()
    (root / "submission" / "folder.zip").mkdir()
    assert unpacked(root, tmp_path) == sorted(PLAIN)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["build/x.py"], "it leaves out submission/build/x.py: rename the folder, or move it out of submission/"),
        (["a/runs/x.py"], "it leaves out submission/a/runs/x.py"),
        (["x.egg-info/x.py"], "it leaves out submission/x.egg-info/x.py"),
        (["venv/lib/x.py", "venv/lib/distutils-precedence.pth"], "it leaves out submission/venv/lib/x.py"),
        (["a\nb.py"], r"'submission/a\nb.py' is too long, no UTF-8, or has a backslash or control characters in it"),
        (["a\\b.py"], r"'submission/a\\b.py' is too long"),
        ([os.fsdecode(b"\xff.py")], r"'submission/\udcff.py' is too long, no UTF-8"),
        (["a\u202eb.py"], r"'submission/a\u202eb.py' is too long"),
        (["/".join(["x" * 200] * 5) + ".py"], "is too long"),
        (["a/" * 40 + "x.py"], "is too long"),
        (["X.py", "x.py"], "they have the same name: submission/x.py and submission/X.py: rename one"),
        (["A/x.py", "a/y.py"], "they have the same name: submission/a and submission/A: rename one"),
        (["\u00e9.py", "e\u0301.py"], "they have the same name: "),
    ],
)
def test_what_the_grader_would_refuse_or_leave_out(root: Path, tmp_path: Path, names: list[str], message: str) -> None:
    write(root, *(f"submission/{name}" for name in names))
    with pytest.raises(InputError) as refused:
        files_to_pack(root)
    assert str(refused.value).startswith("the grader would not take the hand-in as it is: ")
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["mine", "deep/er", "folder.py"])
def test_a_link_to_a_folder_is_named(root: Path, name: str) -> None:
    write(root, "shared/code.py", "submission/deep/x.py")
    (root / "submission" / name).symlink_to(root / "shared")
    with pytest.raises(InputError) as refused:
        files_to_pack(root)
    assert f"nothing is packed of submission/{name}, a link to a folder: put a copy there" in str(refused.value)


def test_hidden_links_and_links_to_files_are_taken_as_before(root: Path, tmp_path: Path) -> None:
    write(root, "shared/code.py")
    (root / "submission" / ".venv").symlink_to(root / "shared")
    (root / "submission" / "mine.py").symlink_to(root / "shared" / "code.py")
    assert unpacked(root, tmp_path) == sorted([*PLAIN, "submission/mine.py"])


def test_number_and_size(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "submission/large.py", content="#" * 20_000)
    monkeypatch.setattr(limits, "MAX_FILES", 6)  # with submission/ and the folder around it
    monkeypatch.setattr(limits, "MAX_HAND_IN_BYTES", 31_000)
    assert len(unpacked(root, tmp_path)) == 4
    write(root, "submission/one_more.py", content="#" * 1000)
    with pytest.raises(InputError) as refused:
        files_to_pack(root)
    assert "it has 7 files and folders, 6 are taken: move some out of submission/" in str(refused.value)
    assert f"it has {21_000 + 3 * 36:,} bytes, 31,000 are taken: move out submission/large.py" in str(refused.value)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "old/pytorch_model.bin", "model.gguf", "a.zip"])
def test_weights_among_the_code_are_refused(root: Path, name: str) -> None:
    write(root, f"submission/{name}")
    with pytest.raises(InputError, match=f"move out of submission/: submission/{name}"):
        files_to_pack(root)


@pytest.mark.parametrize("name", ["run.sh", "submission/broken_link.py"])
def test_missing_file_is_named(root: Path, name: str) -> None:
    (root / name).unlink(missing_ok=True)
    (root / name).symlink_to("nowhere")
    with pytest.raises(InputError, match=f"cannot pack: {name} missing"):
        files_to_pack(root)


def test_names_are_read_as_the_grader_reads_them() -> None:
    from harness.intake.archive import names

    assert code_files._BIDIRECTIONAL == names._BIDIRECTIONAL
    assert code_files._UNSAFE_CATEGORIES == names._UNSAFE_CATEGORIES
    assert code_files._MOST_PARTS < names.MAX_DEPTH
    assert code_files._MOST_PATH_BYTES + len(STUDENT) < names.MAX_PATH_BYTES
