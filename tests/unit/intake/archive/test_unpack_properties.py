"""Whatever the archive says, nothing lands outside the target or beyond the budget, and a refusal leaves no target."""

import io
import stat
import struct
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .archives import MB, codes, make_tar, make_zip, member, take


def test_zip_that_lies_about_sizes_stays_within_the_budget(tmp_path: Path, target: Path) -> None:
    source = make_zip(tmp_path / "a.zip", {"a": bytes(3 * MB)})
    content_ = bytearray(source.read_bytes())
    at = content_.index(b"PK\x01\x02")
    content_[at + 24 : at + 28] = struct.pack("<I", 10)
    source.write_bytes(content_)
    findings = take(source, target)
    assert codes(findings) in (["INT001"], ["INT003"])
    assert not target.exists()


NAMES = st.lists(
    st.sampled_from(["..", ".", "", "a", "A", "b", "\\", "C:", "\x00", "\u202e", "é", "\udc80", "x" * 300])
    | st.text(max_size=6),
    min_size=1,
    max_size=5,
).map("/".join)
FILES = st.lists(st.tuples(NAMES, st.binary(max_size=300)), min_size=1, max_size=8)


def check_property(work: Path, source: Path, max_bytes: int) -> None:
    """Unpack; whatever the outcome, the surroundings are as before, and the target is plain and within its budget."""
    target = work / "inner" / "deep" / "target"
    before = {path: path.lstat().st_size for path in work.rglob("*")}
    findings = take(source, target, max_bytes=max_bytes)
    after = {path: path.lstat().st_size for path in work.rglob("*")}
    inside = {path for path in after if path == target or target in path.parents}
    assert {path: size for path, size in after.items() if path not in inside} == before
    errors = [one for one in findings if one.severity == "error"]
    assert bool(errors) != target.exists()
    kinds = [stat.S_IFMT(path.lstat().st_mode) for path in inside]
    assert set(kinds) <= {stat.S_IFREG, stat.S_IFDIR}
    assert sum(path.stat().st_size for path in inside if path.is_file()) <= max_bytes
    assert len(inside) <= 51
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not [char for one in findings for char in one.seen if unicodedata.category(char) in hidden]


@pytest.fixture(scope="module")
def work_factory(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    def make() -> Path:
        work = tmp_path_factory.mktemp("property")
        (work / "inner" / "deep").mkdir(parents=True)
        (work / "inner" / "canary").write_bytes(b"unchanged")
        return work

    return make


@settings(max_examples=60)
@given(files=FILES, max_bytes=st.integers(0, 1000))
def test_random_tar_never_lands_outside(
    work_factory: Callable[[], Path], files: list[tuple[str, bytes]], max_bytes: int
) -> None:
    work = work_factory()
    with tarfile.open(work / "a.tar", "w", errors="surrogateescape") as archive:
        for name, data in files:
            info = member("x")
            info.name, info.size = name.encode("utf-8", "replace").decode(), len(data)
            archive.addfile(info, io.BytesIO(data))
    check_property(work, work / "a.tar", max_bytes)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=60)
@given(files=FILES, max_bytes=st.integers(0, 1000))
def test_random_zip_never_lands_outside(
    work_factory: Callable[[], Path], files: list[tuple[str, bytes]], max_bytes: int
) -> None:
    work = work_factory()
    with zipfile.ZipFile(work / "a.zip", "w") as archive:
        for name, data in files:
            archive.writestr(name.encode("utf-8", "replace").decode().lstrip("\0") or "x", data)
    check_property(work, work / "a.zip", max_bytes)


@settings(max_examples=100)
@given(
    kind=st.sampled_from(["zip", "tar", "tar.gz", "tar.xz", "tar.bz2", "tar.zst"]),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6),
    keep=st.floats(0.1, 1),
)
def test_damaged_archive_raises_nothing(
    work_factory: Callable[[], Path], kind: str, changes: list[tuple[float, int]], keep: float
) -> None:
    work = work_factory()
    source = work / "a"
    if kind == "zip":
        make_zip(source, {"r/run.sh": b"echo hello\n" * 20, "r/b/c": b"x" * 200})
    else:
        members = [(member("r/run.sh"), b"echo hello\n" * 20), (member("r/b/c"), b"x" * 200)]
        make_tar(source, members, "w:" + kind.partition(".")[2])
    data = bytearray(source.read_bytes())
    for share, value in changes:
        data[int(share * len(data))] = value
    source.write_bytes(data[: int(keep * len(data))])
    check_property(work, source, 1000)
