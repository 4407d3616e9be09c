"""Pickles are told by their content, and none is ever loaded."""

import io
import pickle
import pickletools
import zipfile
from pathlib import Path

import pytest

from harness.intake.pickles import find_pickles, is_pickle


class Bomb:
    """Leaves a file behind if anything loads it."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.canary,)


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, pickle.dumps([1]))
        archive.writestr("archive/data/0", b"see archive/data.pkl" + bytes(200_000))
    return file.getvalue()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["model.bin", "scaler.pkl", "state.pt", "last.CKPT"])
def test_pickles_of_every_protocol(tmp_path: Path, protocol: int, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps({"w": [1.0] * 9, "b": Bomb(tmp_path / "canary")}, protocol))
    assert is_pickle(tmp_path / name)
    assert not (tmp_path / "canary").exists()


def test_ending_does_not_matter_where_the_protocol_is_marked(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(pickle.dumps({"w": 1}, 4))
    (tmp_path / "weights").write_bytes(zipped("archive/data.pkl"))
    (finding,) = find_pickles(tmp_path)
    assert (finding.code, finding.severity) == ("INT020", "warning")
    assert finding.seen == "`weights`, `weights.safetensors`"
    assert "can run code when it is opened" in finding.fix


@pytest.mark.torch
def test_what_torch_saves(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for new in (True, False):
        torch.save({"w": torch.zeros(3)}, tmp_path / "w.pth", _use_new_zipfile_serialization=new)
        assert is_pickle(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.bin", b""),
        ("a.bin", b"\x80"),
        ("a.bin", b"\x80\x04"),
        ("a.bin", bytes(1000)),
        ("a.bin", b"\x80\x09" + b"x" * 50),
        ("a.pt", b"\xff" * 50),
        ("a.pkl", b"hello world, this is text"),
        ("tokenizer.bin", (64).to_bytes(8, "little") + b'{"a":{"dtype":"F32"}}'),
        ("model.gguf", b"GGUF\x03\0\0\0"),
        ("a.zip", zipped("readme.txt")),
        ("a.txt", pickle.dumps([1, 2, 3], 0)),
        ("a.docx", zipped("word/data.pkl.xml")),
        ("a.zip", zipped("notes/data.pkl")),
        ("a.zip", zipped("archive/data.pkl")[:-30]),
        ("a.txt", b"\x80\x02a text that begins so"),
        ("a.txt", b"\x80\x03s.b"),
        ("a.pkl", b"(text in brackets)"),
    ],
)
def test_what_is_no_pickle(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert not is_pickle(tmp_path / name)


def test_hostile_pickles_take_no_memory(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04" + b"\x8e" + b"\xff" * 8 + b"x")  # BINBYTES8 of 2^64 bytes
    (tmp_path / "b.pkl").write_bytes(b"\x80\x04" + b"L" + b"9" * 60_000 + b"L\n.")
    assert [is_pickle(tmp_path / name) for name in ("a.pkl", "b.pkl")] == [False, False]


def test_links_and_pipes_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "outside.pkl").write_bytes(pickle.dumps([1]))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pkl").symlink_to(tmp_path / "outside.pkl")
    assert list(find_pickles(tmp_path / "in")) == []


def test_many_are_named_in_one_finding(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.pkl").write_bytes(pickletools.optimize(pickle.dumps([number])))
    (finding,) = find_pickles(tmp_path)
    assert finding.seen == "`0.pkl`, `1.pkl`, `2.pkl` and 6 more"
