"""The wheel list, the cache and pip's failures. pip runs for real, on a folder of wheels made here."""

import hashlib
import re
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from harness.errors import ConfigError, EnvironmentFault
from harness.sandbox.image.wheels import (
    CpuTorchMissing,
    Pin,
    download_command,
    explain_failure,
    fetch_wheels,
    find_wheels,
    parse_lock,
    progress_of,
)

REQUIREMENTS = Path(__file__).resolve().parents[4] / "requirements"
DIGEST = "0" * 64


def make_wheel(folder: Path, *, name: str = "tinypackage", version: str = "1.0") -> str:
    """Write a valid wheel and give its SHA-256."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "VALUE = 1\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make pip know one folder of wheels and nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


def test_parse_reads_continued_lines_comments_and_extras() -> None:
    hashes = f"    --hash=sha256:{DIGEST} \\\n    --hash=sha256:{'1' * 64}\n"
    text = f"# made\nA_b.c[x]==1.0+cpu \\\n{hashes}    # via\n    #   z\n"
    assert parse_lock(text) == (Pin(name="a-b-c", version="1.0+cpu", hashes=frozenset({DIGEST, "1" * 64})),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "pins nothing"),
        ("torch==2.13.0\n", "without `name==version --hash"),
        (f"torch>=2 --hash=sha256:{DIGEST}\n", "torch>=2"),
        ("--find-links /somewhere\n", "--find-links"),
    ],
)
def test_parse_refuses_what_is_not_pinned(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        parse_lock(text)
    assert "make -C requirements" in caught.value.remedy


def test_a_rendered_pin_reads_back() -> None:
    pin = Pin(name="torch", version="2.13.0+cpu", hashes=frozenset({DIGEST, "f" * 64}))
    assert parse_lock(pin.render()) == (pin,)


def test_fetch_downloads_checks_and_then_lives_from_the_cache(index: Path, tmp_path: Path) -> None:
    digest = make_wheel(index)
    lock, cache, told = f"tinypackage==1.0 --hash=sha256:{digest}\n", tmp_path / "cache", list[str]()
    (wheel,) = fetch_wheels(lock, cache, progress=told.append)
    assert (wheel.name, wheel.version, wheel.sha256) == ("tinypackage", "1.0", digest)
    assert wheel.path == cache / "tinypackage-1.0-py3-none-any.whl"
    assert told == ["wheels: 0 of 1 in the cache, downloading 1", "wheel tinypackage-1.0", "wheels: 1 checked"]
    (index / wheel.path.name).unlink()
    told.clear()
    assert fetch_wheels(lock, cache, progress=told.append) == (wheel,)
    assert told == ["wheels: 1 checked"]
    assert [path.name for path in cache.iterdir()] == [wheel.path.name]


def test_a_damaged_file_in_the_cache_is_fetched_again(index: Path, tmp_path: Path) -> None:
    digest = make_wheel(index)
    damaged = tmp_path / "tinypackage-1.0-py3-none-any.whl"
    damaged.write_bytes(b"torn")
    (wheel,) = fetch_wheels(f"tinypackage==1.0 --hash=sha256:{digest}\n", tmp_path, progress=str)
    assert hashlib.sha256(wheel.path.read_bytes()).hexdigest() == digest


def test_another_file_than_the_pinned_one_is_refused(index: Path, tmp_path: Path) -> None:
    make_wheel(index)
    with pytest.raises(EnvironmentFault, match="A wheel is not the one that the list pins") as caught:
        fetch_wheels(f"tinypackage==1.0 --hash=sha256:{DIGEST}\n", tmp_path / "cache", progress=str)
    assert DIGEST in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_torch_for_cpu_not_found_says_where_to_get_it(index: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="Torch's CPU build was not found") as caught:
        fetch_wheels(f"torch==2.13.0+cpu --hash=sha256:{DIGEST}\n", tmp_path / "cache", progress=str)
    assert "pip's extra index to PyTorch's CPU wheel index" in caught.value.remedy
    assert "--flavour cuda" in caught.value.remedy


@pytest.mark.parametrize(
    ("said", "message", "remedy"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "The disk is full", "--cache-dir"),
        ("/usr/bin/python3: No module named pip", "has no pip", "ensurepip"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "over TLS", "global.cert"),
        ("Failed to establish a new connection: NewConnectionError(...)", "could not be reached", "proxy"),
        ("ERROR: something else", "ERROR: something else", "pip's own words"),
    ],
)
def test_a_failure_of_pip_gets_a_cause_and_a_remedy(said: str, message: str, remedy: str) -> None:
    fault = explain_failure(["first", said])
    assert message in str(fault)
    assert said in str(fault)
    assert remedy in fault.remedy


def test_only_a_missing_cpu_build_of_torch_can_be_answered_by_another_flavour() -> None:
    said = "ERROR: No matching distribution found for torch==2.13.0+cpu"
    assert isinstance(explain_failure([said]), CpuTorchMissing)
    assert not isinstance(explain_failure(["No space left on device"]), CpuTorchMissing)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (191.8 MB)",
            "wheel torch-2.13.0 (191.8 MB)",
        ),
        ("Processing /wheels/torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", "wheel torch-2.13.0+cpu"),
        ("WARNING: Location 'file:///nowhere/' is ignored: it is neither a file nor a directory.", None),
        ("Looking in links: /nowhere", None),
    ],
)
def test_pip_output_is_cut_to_what_a_person_wants(line: str, shown: str | None) -> None:
    assert progress_of(line) == shown


def test_the_command_asks_for_python_3_11_on_old_and_new_linux() -> None:
    command = download_command(Path("r.txt"), Path("out"))
    pairs = set(pairwise(command))
    assert {("--python-version", "311"), ("--implementation", "cp"), ("--abi", "cp311"), ("--abi", "none")} <= pairs
    assert {("--platform", "manylinux_2_28_x86_64"), ("--platform", "manylinux2014_x86_64")} <= pairs
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(command)


def test_find_goes_by_content_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "torch-2.13.0-py3-none-any.whl").write_bytes(b"another thing")
    (tmp_path / "oddly_named.whl").write_bytes(b"the thing")
    pin = Pin(name="torch", version="2.13.0", hashes=frozenset({hashlib.sha256(b"the thing").hexdigest()}))
    assert find_wheels([pin], tmp_path)["torch"].path.name == "oddly_named.whl"


@pytest.mark.parametrize("flavour", ["cpu", "cuda"])
def test_the_lists_of_the_project_pin_what_was_asked_for(flavour: str) -> None:
    pins = {pin.name: pin.version for pin in parse_lock((REQUIREMENTS / f"{flavour}.lock").read_text())}
    asked = (REQUIREMENTS / "common.in").read_text() + (REQUIREMENTS / f"{flavour}.in").read_text()
    wanted = dict(re.findall(r"^([\w-]+)==(\S+)", asked, re.MULTILINE))
    assert {name: pins[name] for name in wanted} == wanted
    assert len(wanted) == 13
    assert any(name.startswith("nvidia-") for name in pins) == (flavour == "cuda")
    assert ("triton" in pins) == (flavour == "cuda")
