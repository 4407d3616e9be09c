import hashlib
import json
import os
from pathlib import Path

import pytest

from harness.scoring.refusal import BaseModelError
from harness.scoring.weights import Size, base_files, check_digest, digest_of, fingerprint, read_size


def write_safetensors(path: Path, **shapes: list[int]) -> Path:
    entries = {name.replace("__", "."): {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]}
               for name, shape in shapes.items()}  # fmt: skip
    header = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("not part of a score")
    write_safetensors(folder / "one.safetensors", embed_tokens__weight=[100, 8], norm__weight=[8])
    write_safetensors(folder / "two.safetensors", q_proj__weight=[16, 8], lm_head__weight=[100, 8])
    return folder


def test_size_from_headers(base: Path) -> None:
    assert read_size(base) == Size(parameters=800 + 8 + 128 + 800, linear_parameters=128)


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 64, (9).to_bytes(8, "little") + b'{"a": 1}}', b"\x02" + b"\0" * 7 + b"[]"]
)
def test_damaged_header_is_named(base: Path, content: bytes) -> None:
    (base / "two.safetensors").write_bytes(content)
    with pytest.raises(BaseModelError, match=r"the header of two\.safetensors cannot be read"):
        read_size(base)


def test_fingerprint_is_what_sha256sum_says(base: Path) -> None:
    files = fingerprint(base)
    assert (
        [path.name for path in base_files(base)] == list(files) == ["config.json", "one.safetensors", "two.safetensors"]
    )
    assert files["config.json"] == hashlib.sha256(b"{}").hexdigest()
    lines = "".join(f"{digest}  {name}\n" for name, digest in files.items())
    assert digest_of(files) == hashlib.sha256(lines.encode()).hexdigest()


def test_cache_spares_reading_what_did_not_change(base: Path, tmp_path: Path) -> None:
    cache = tmp_path / "digests.json"
    files = fingerprint(base, cache=cache)
    known = json.loads(cache.read_text())
    assert len(known) == 3
    (key,) = [one for one in known if "config.json" in one]
    facts = (base / "config.json").stat()
    assert key == f"{base / 'config.json'}:2:{facts.st_mtime_ns}"
    cache.write_text(json.dumps(known | {key: "from the cache"}))
    assert fingerprint(base, cache=cache) == files | {"config.json": "from the cache"}


def test_changed_file_is_read_again(base: Path, tmp_path: Path) -> None:
    cache = tmp_path / "digests.json"
    before = fingerprint(base, cache=cache)
    (base / "config.json").write_text("[]")
    os.utime(base / "config.json", ns=(1, 1))
    after = fingerprint(base, cache=cache)
    assert after["config.json"] == hashlib.sha256(b"[]").hexdigest() != before["config.json"]
    assert len(json.loads(cache.read_text())) == 4


@pytest.mark.parametrize("content", ["", "[1]", '{"a": 1}', "\x00"])
def test_torn_or_foreign_cache_counts_as_empty(base: Path, tmp_path: Path, content: str) -> None:
    cache = tmp_path / "digests.json"
    cache.write_text(content)
    assert fingerprint(base, cache=cache) == fingerprint(base)


def test_another_base_than_asked_for_is_refused(base: Path) -> None:
    files = fingerprint(base)
    check_digest(files, None)
    check_digest(files, digest_of(files))
    with pytest.raises(
        BaseModelError, match=f"not the one that was asked for: SHA-256 {digest_of(files)}, expected ab"
    ):
        check_digest(files, "ab")


def test_a_base_model_that_is_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="the base model is not a folder"):
        base_files(tmp_path / "nowhere")
