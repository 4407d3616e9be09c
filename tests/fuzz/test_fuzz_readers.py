"""A short run with a fixed seed of what `make fuzz` does for longer; the corpus and the checks are tested too."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import reader_corpus
import reader_invariants
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_invariants import ArchiveInvariant, hold_header

ARCHIVES = reader_corpus.archives()
HEADERS = reader_corpus.headers()
REFUSED = {"tar-kinds", "zip-lzma", "bomb"}


@pytest.fixture
def hold_archive(tmp_path: Path) -> ArchiveInvariant:
    return ArchiveInvariant(tmp_path)


def mutants(seeds: dict[str, bytes], count: int) -> list[bytes]:
    """Change, cut, repeat and splice; the same mutants each time."""
    chance = random.Random(3)
    made = []
    for _ in range(count):
        data = bytearray(chance.choice(sorted(seeds.values())))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data) + 1)
            other = chance.choice(sorted(seeds.values()))
            kind = chance.randrange(4)
            if kind == 0 and at < len(data):
                data[at] = chance.randrange(256)
            elif kind == 1:
                data[at : at + chance.randrange(8)] = chance.randbytes(chance.randrange(8))
            elif kind == 2:
                del data[at : at + chance.randrange(600)]
            else:
                data[at:at] = other[: chance.randrange(len(other) + 1)]
        made.append(bytes(data[:20_000]))
    return made


@pytest.mark.parametrize("name", ARCHIVES)
def test_seed_archives_are_good_but_for_some(hold_archive: ArchiveInvariant, name: str) -> None:
    assert hold_archive(ARCHIVES[name]) == (name not in REFUSED)


@pytest.mark.parametrize("name", HEADERS)
def test_seed_headers_are_good(name: str) -> None:
    assert hold_header(HEADERS[name])


def test_corpus_is_the_same_each_time() -> None:
    assert reader_corpus.archives() == ARCHIVES
    assert reader_corpus.headers() == HEADERS


def test_mutated_archives(hold_archive: ArchiveInvariant) -> None:
    accepted = [hold_archive(data) for data in mutants(ARCHIVES, 400)]
    assert 0 < sum(accepted) < len(accepted)  # else the mutants are too tame or too wild to say anything


def test_mutated_headers() -> None:
    accepted = [hold_header(data) for data in mutants(HEADERS, 2000)]
    assert 0 < sum(accepted) < len(accepted)


DTYPES = st.sampled_from(["F32", "BF16", "F16", "U8", "BOOL", "I64", "F8_E4M3", "F8_E8M0", "C64", "F4", "X"])
SHAPES = st.lists(st.integers(0, 4), max_size=3)


@settings(max_examples=200)
@given(
    tensors=st.dictionaries(st.text(max_size=4), st.tuples(DTYPES, SHAPES), max_size=4),
    shift=st.integers(-2, 2) | st.just(0),
    metadata=st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    ascii_only=st.booleans(),
)
def test_generated_headers_are_read_as_the_real_library_reads_them(
    tensors: dict[str, tuple[str, list[int]]], shift: int, metadata: dict[str, str] | None, ascii_only: bool
) -> None:
    sizes = {"F32": 4, "BF16": 2, "F16": 2, "I64": 8, "C64": 8}
    entries: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    position = 0
    for name, (dtype, shape) in tensors.items():
        size = sizes.get(dtype, 1)
        for length in shape:
            size *= length
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position + shift, position + shift + size]}
        position += size
    text = json.dumps(entries, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    known = all(dtype not in ("F4", "X") for dtype, _ in tensors.values())
    good = known and (shift == 0 or not tensors) and "__metadata__" not in tensors
    accepted = hold_header(len(text).to_bytes(8, "little") + text + bytes(position))
    assert accepted or not good
    assert not accepted or shift == 0 or not tensors


def make(target: Path, *steps: Callable[[Path], object]) -> None:
    target.mkdir()
    for step in steps:
        step(target)


BREAKS: dict[str, Callable[[Path], object]] = {
    "something outside the target changed": lambda target: (target.parent / "evil").write_bytes(b""),
    "neither a finding nor a tree": lambda target: None,
    "not only plain files": lambda target: make(target, lambda root: (root / "a").symlink_to("/etc/passwd")),
    "beyond the budget": lambda target: make(target, lambda root: (root / "a").write_bytes(bytes(2001))),
    "too many files": lambda target: make(target, lambda root: [(root / str(n)).touch() for n in range(13)]),
    "a mode bit came through": lambda target: make(target, lambda root: (root / "a").touch(0o600)),
}


@pytest.mark.parametrize("message", BREAKS)
def test_the_checks_of_archives_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    def broken(source: Path, target: Path, **limits: object) -> tuple[()]:
        BREAKS[message](target)
        return ()

    hold = ArchiveInvariant(tmp_path)
    monkeypatch.setattr(reader_invariants, "unpack", broken)
    with pytest.raises(AssertionError, match=message):
        hold(b"x")


def test_the_check_against_the_real_library_can_fail() -> None:
    pytest.importorskip("safetensors")
    with pytest.raises(AssertionError, match="accepted here, refused by safetensors"):
        reader_invariants._agree_with_the_real_library(b"x" * 20, {})
