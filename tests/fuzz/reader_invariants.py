"""What holds for any bytes at all. Each function raises AssertionError, or whatever the reader should not have raised.

Archives: findings or a tree, never both; nothing outside the target changes; the tree is plain files and folders within
its budget. Safetensors headers: a HeaderProblem, or tensors that tile the file, which the real library reads too.
"""

import io
import shutil
import stat
import unicodedata
from pathlib import Path

from reader_corpus import framed, repaired

from harness.intake.adapter.safetensors import DTYPE_BYTES, HeaderProblem, parse_header
from harness.intake.archive.unpack import unpack

try:
    from safetensors import SafetensorError, deserialize
except ImportError:  # without the extra [local] or [fuzz]
    deserialize = None

MAX_BYTES = 2_000
MAX_FILES = 12
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class ArchiveInvariant:
    """Unpacks bytes below one folder that holds nothing else."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._source = work / "source"
        self._target = work / "inner" / "target"
        self._target.parent.mkdir(parents=True)
        (work / "inner" / "canary").write_bytes(b"unchanged")

    def __call__(self, data: bytes) -> bool:
        """Check the archive, and once more with the check sums set right; tells whether either was accepted."""
        right = repaired(data)
        return self._hold(data) | (right != data and self._hold(right))

    def _hold(self, data: bytes) -> bool:
        self._source.write_bytes(data)
        before = self._outside()
        findings = unpack(self._source, self._target, max_bytes=MAX_BYTES, max_files=MAX_FILES, ignored=(".git",))
        assert self._outside() == before, "something outside the target changed"
        errors = [one for one in findings if one.severity == "error"]
        assert bool(errors) != self._target.exists(), "neither a finding nor a tree, or both"
        for one in findings:
            assert not [char for char in one.seen if unicodedata.category(char) in _HIDDEN], (
                "hidden characters are shown"
            )
            assert str(self._work) not in one.seen, "a path of the host is shown"
        if not errors:
            self._check_tree()
            shutil.rmtree(self._target)
        return not errors

    def _outside(self) -> dict[str, tuple[int, int]]:
        found = {}
        for folder in (self._work, self._target.parent):
            for path in folder.iterdir():
                if path != self._target:
                    status = path.lstat()
                    found[str(path)] = (status.st_mode, 0 if path.is_dir() else status.st_size)
        return found

    def _check_tree(self) -> None:
        statuses = [path.lstat() for path in self._target.rglob("*")]
        assert {stat.S_IFMT(one.st_mode) for one in statuses} <= {stat.S_IFREG, stat.S_IFDIR}, "not only plain files"
        assert {stat.S_IMODE(one.st_mode) for one in statuses} <= {0o644, 0o755}, "a mode bit came through"
        assert sum(one.st_size for one in statuses if stat.S_ISREG(one.st_mode)) <= MAX_BYTES, "beyond the budget"
        assert len(statuses) <= MAX_FILES, "too many files"


def hold_header(data: bytes) -> bool:
    """Check a safetensors file, and once more with a right length before it; tells whether either was accepted."""
    return _hold_header(data) | _hold_header(framed(data))


def _hold_header(data: bytes) -> bool:
    try:
        header = parse_header(io.BytesIO(data), max_header_bytes=100_000)
    except HeaderProblem as problem:
        _check_visible(str(problem))
        return False
    position = 8 + int.from_bytes(data[:8], "little")
    for tensor in header.tensors.values():
        assert tensor.begin == position, "a hole or an overlap"
        count = 1
        for length in tensor.shape:
            count *= length
        assert tensor.end - tensor.begin == count * DTYPE_BYTES[tensor.dtype], "shape and bytes disagree"
        position = tensor.end
    assert position == len(data) == header.file_bytes, "bytes that belong to no tensor"
    if deserialize is not None:
        _agree_with_the_real_library(data, {name: list(one.shape) for name, one in header.tensors.items()})
    return True


def _check_visible(text: str) -> None:
    assert not [char for char in text if unicodedata.category(char) in _HIDDEN], "hidden characters are shown"


def _agree_with_the_real_library(data: bytes, shapes: dict[str, list[int]]) -> None:
    try:
        read = {name: list(tensor["shape"]) for name, tensor in deserialize(data)}
    except SafetensorError as problem:
        raise AssertionError(f"accepted here, refused by safetensors: {problem}") from problem
    assert read == shapes, "read otherwise by safetensors"
