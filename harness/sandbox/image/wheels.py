"""Brings the wheels of a hash-locked list into a folder, with the host's own pip. Must not know of images or engines.

The download runs on the host because there pip is already set up (index, proxy, CA); a container would need all of it
again. A file counts as present only when its SHA-256 stands in the lock, whatever its name is.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigError, EnvironmentFault
from harness.files import sha256_file

PYTHON_VERSION = "311"
NEWEST_GLIBC_MINOR = 28
TAIL_LINES = 8

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NOISE = re.compile(r"^\s*(WARNING: (Location|Url) |\[notice\]|Looking in |Collecting |File was already )")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One line of a lock: the version asked for and the SHA-256 of every file that may serve it."""

    name: str
    version: str
    hashes: frozenset[str]

    def render(self) -> str:
        """Write the pin in the form that ``pip --require-hashes`` reads."""
        hashes = (f"--hash=sha256:{digest}" for digest in sorted(self.hashes))
        return " ".join([f"{self.name}=={self.version}", *hashes])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel on disk whose SHA-256 was checked against its pin."""

    name: str
    version: str
    sha256: str
    path: Path


def parse_lock(text: str) -> tuple[Pin, ...]:
    """Read a requirements list with hashes.

    Raises:
        ConfigError: A line pins no version, or a pin has no hash.
    """
    pins = [_parse_pin(line) for line in _logical_lines(text)]
    if not pins:
        raise ConfigError("The wheel list pins nothing", remedy="Make it again with `make -C requirements`")
    return tuple(pins)


def _logical_lines(text: str) -> Iterator[str]:
    bare = (re.sub(r"(^|\s)#.*$", "", line) for line in text.splitlines())
    return (line.strip() for line in "\n".join(bare).replace("\\\n", " ").splitlines() if line.strip())


def _parse_pin(line: str) -> Pin:
    pin, hashes = _PIN.match(line), frozenset(_HASH.findall(line))
    if pin is None or not hashes:
        raise ConfigError(
            f"The wheel list has a line without `name==version --hash=sha256:...`: {line[:80]!r}",
            remedy="Make the list again with `make -C requirements`",
        )
    return Pin(name=re.sub(r"[-_.]+", "-", pin[1]).lower(), version=pin[2], hashes=hashes)


def find_wheels(pins: Sequence[Pin], folder: Path) -> dict[str, Wheel]:
    """Map the name of each pin that is served by a file of `folder` to that wheel."""
    by_hash = {sha256_file(path): path for path in sorted(folder.glob("*.whl"))}
    found = {}
    for pin in pins:
        for digest in sorted(pin.hashes & by_hash.keys()):
            found[pin.name] = Wheel(name=pin.name, version=pin.version, sha256=digest, path=by_hash[digest])
    return found


def download_command(requirements: Path, target: Path) -> list[str]:
    """Build the pip command for CPython 3.11 on Linux x86_64, whatever Python runs this."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(NEWEST_GLIBC_MINOR, 4, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    command = [sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["--python-version", PYTHON_VERSION, "--implementation", "cp"]
    command += [part for abi in ("cp311", "abi3", "none") for part in ("--abi", abi)]
    command += [part for platform in platforms for part in ("--platform", platform)]
    return [*command, "-r", str(requirements), "-d", str(target)]


def fetch_wheels(lock_text: str, folder: Path, *, progress: Callable[[str], None]) -> tuple[Wheel, ...]:
    """Bring every wheel of the lock into `folder` and check each one's SHA-256; what is there already stays.

    Raises:
        ConfigError: The lock cannot be read.
        EnvironmentFault: pip could not get a wheel, or the disk is full.
    """
    pins = parse_lock(lock_text)
    folder.mkdir(parents=True, exist_ok=True)
    found = find_wheels(pins, folder)
    missing = [pin for pin in pins if pin.name not in found]
    if missing:
        progress(f"wheels: {len(found)} of {len(pins)} in the cache, downloading {len(missing)}")
        _download(missing, folder, progress=progress)
        found |= find_wheels(missing, folder)
    absent = [pin.name for pin in pins if pin.name not in found]
    if absent:
        raise EnvironmentFault(
            f"Pip ended well but these wheels are not in {folder}: {', '.join(absent)}",
            remedy="Empty that folder and try again",
        )
    progress(f"wheels: {len(found)} checked")
    return tuple(found[pin.name] for pin in pins)


def _download(pins: Iterable[Pin], folder: Path, *, progress: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix="download-") as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text("".join(f"{pin.render()}\n" for pin in pins), encoding="utf-8")
        target = Path(scratch, "wheels")
        status, lines = _run_pip(download_command(requirements, target), progress=progress)
        for path in sorted(target.glob("*.whl")):
            path.replace(folder / path.name)
    if status != 0:
        raise explain_failure(lines)


def _run_pip(command: Sequence[str], *, progress: Callable[[str], None]) -> tuple[int, list[str]]:
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if (told := progress_of(line)) is not None:
                progress(told)
            elif not _NOISE.match(line):
                lines.append(line.rstrip())
    return process.returncode, lines


def progress_of(line: str) -> str | None:
    """Turn a line of pip's output into what a person wants to see, or None."""
    if got := re.match(r"\s*(?:Downloading|Processing|Using cached) (?:\S*/)?([^\s/]+\.whl)(?:\.metadata)?(.*)", line):
        size = re.search(r"\([\d.]+ [kMG]?B\)", got[2])
        return f"wheel {got[1].split('-cp')[0].split('-py')[0]}" + (f" {size[0]}" if size else "")
    return None


class CpuTorchMissing(EnvironmentFault):
    """No index or folder that pip knows has torch's CPU build; the cuda flavour needs none but the default index."""


def explain_failure(lines: Sequence[str]) -> EnvironmentFault:
    """Tell why pip failed, from its own words."""
    said = "\n".join(lines)
    tail = "\n".join(lines[-TAIL_LINES:])
    for pattern, kind, message, remedy in _CAUSES:
        if re.search(pattern, said):
            return kind(f"{message}; pip said:\n{tail}", remedy=remedy)
    return EnvironmentFault(f"Pip could not download the wheels; it said:\n{tail}", remedy="See pip's own words above")


_CAUSES = (
    (
        r"No space left on device|Disk quota exceeded",
        EnvironmentFault,
        "The disk is full: the wheels could not be stored",
        "Free some space (cpu needs about 4 GB in all, cuda about 25 GB) or choose another disk with --cache-dir",
    ),
    (
        r"No module named pip",
        EnvironmentFault,
        "This Python has no pip",
        f"Install it, for example with `{Path(sys.executable).name} -m ensurepip`",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError",
        EnvironmentFault,
        "The package index could not be reached over TLS",
        "Where the network has a CA of its own, tell pip of it: `pip config set global.cert BUNDLE.pem`",
    ),
    (
        r"NewConnectionError|ConnectTimeout|NameResolutionError|Temporary failure in name resolution|ReadTimeout",
        EnvironmentFault,
        "The package index could not be reached",
        "Check the network and pip's index and proxy settings (`pip config list`)",
    ),
    (
        r"No matching distribution found for torch==\S+\+cpu",
        CpuTorchMissing,
        "Torch's CPU build was not found in any index or folder that pip knows",
        "Set pip's extra index to PyTorch's CPU wheel index (`pip config set global.extra-index-url URL`), "
        "or build with --flavour cuda",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        EnvironmentFault,
        "A wheel is not the one that the list pins",
        "Try again with an empty --cache-dir; if it stays so, the index serves other files than the list was made from",
    ),
)
