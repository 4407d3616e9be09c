"""Makes the image's base from Debian's own packages, for where no image registry answers. Must not talk to an engine.

The result is meant to equal the registry's slim image in all that matters: the same suite with its update suites, no
package lists, no manuals.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import EnvironmentFault
from harness.sandbox.lookup import DEFAULT_PATH

SUITE = "bookworm"
CHUNK_BYTES = 1 << 20
TAIL_LINES = 8
EMPTIED = ("var/lib/apt/lists", "var/cache/apt", "var/log", "var/cache/debconf", "tmp", "run")
LEFT_OUT = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*", "/usr/share/doc/*")
KEPT = ("/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias")


def make_root(root: Path, *, progress: Callable[[str], None]) -> None:
    """Install a minimal Debian into the empty folder `root`.

    Raises:
        EnvironmentFault: Not root, no debootstrap program, or debootstrap failed.
    """
    program = _require_debootstrap()
    # It runs tools of the new system by name: a root shell without the sbin folders would miss them. Its own mirror is
    # right for the suite; LC_ALL and umask keep the caller's settings out of the image.
    settings = ("-u", "TMPDIR", f"PATH={DEFAULT_PATH}", "LC_ALL=C")
    command = ["env", *settings, program, "--variant=minbase", SUITE, str(root)]
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", umask=0o022
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            progress(f"debootstrap: {lines[-1].removeprefix('I: ')}")
    if process.returncode != 0:
        raise debootstrap_fault(lines)
    trim_root(root)


def _require_debootstrap() -> str:
    program = shutil.which("debootstrap", path=DEFAULT_PATH)
    if program is None:
        raise EnvironmentFault(
            "No image registry answers, and the program debootstrap, which makes the base from Debian's packages, "
            "is not installed",
            remedy="Install it (`apt-get install debootstrap debian-archive-keyring`), or load an image and name it "
            "with --base",
        )
    if os.geteuid() != 0:
        raise EnvironmentFault(
            "No image registry answers, and making the base from Debian's packages needs root",
            remedy="Run `harness image base` once as root, or load an image and name it with --base",
        )
    return program


def debootstrap_fault(lines: list[str]) -> EnvironmentFault:
    """Tell why debootstrap failed, from its last lines."""
    tail = "\n".join(lines[-TAIL_LINES:])
    remedy = "Check that Debian's package mirror can be reached, then run `harness image base` again"
    if re.search(r"No space left on device", tail):
        remedy = "Free about 1 GB, or choose another disk with --cache-dir"
    elif re.search(r"noexec or nodev", tail):
        remedy = "Choose a --cache-dir on a disk that is not mounted noexec or nodev"
    elif re.search(r"unknown key|[Kk]eyring", tail):
        remedy = "Install Debian's keys (`apt-get install debian-archive-keyring`)"
    return EnvironmentFault(f"debootstrap failed; its last lines:\n{tail}", remedy=remedy)


def trim_root(root: Path) -> None:
    """Bring a fresh system to the form of a slim image: update suites on, lists, logs and manuals off."""
    sources = root / "etc/apt/sources.list"
    sources.write_text(sources_list(sources.read_text(encoding="utf-8")), encoding="utf-8")
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(dpkg_settings(), encoding="utf-8")
    for name in EMPTIED:
        _empty(root / name)
    for folder in (root / "usr/share/doc").iterdir():
        if not folder.is_symlink():
            _empty(folder, keep="copyright")
    for name in ("man", "info", "locale", "lintian"):
        _empty(root / "usr/share" / name, keep="locale.alias")


def sources_list(made: str) -> str:
    """Add the update and security suites to what debootstrap wrote.

    Raises:
        EnvironmentFault: There is no ``deb MIRROR SUITE ...`` line to go by.
    """
    line = re.search(rf"^deb (\S+?)/? {SUITE} (.+)$", made, re.MULTILINE)
    if line is None:
        raise EnvironmentFault(
            f"debootstrap left no package source for {SUITE}: {made[:80]!r}", remedy="Install a current debootstrap"
        )
    mirror, components = line[1], line[2]
    suites = ((mirror, SUITE), (mirror, f"{SUITE}-updates"), (f"{mirror}-security", f"{SUITE}-security"))
    return "".join(f"deb {url} {suite} {components}\n" for url, suite in suites)


def dpkg_settings() -> str:
    """Tell dpkg which files of later packages not to unpack."""
    return "".join([*(f"path-exclude {glob}\n" for glob in LEFT_OUT), *(f"path-include {glob}\n" for glob in KEPT)])


def tar_root(root: Path) -> Iterator[bytes]:
    """Yield the system as a tar stream, without device nodes and kernel file systems: the engine mounts its own.

    Raises:
        EnvironmentFault: tar failed.
    """
    excluded = [f"--exclude=./{name}/*" for name in ("dev", "proc", "sys")]
    command = ["tar", "--create", "--numeric-owner", "--sort=name", *excluded, "--directory", str(root), "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while chunk := process.stdout.read(CHUNK_BYTES):
            yield chunk
    if process.returncode != 0:
        raise EnvironmentFault(f"Tar ended with {process.returncode} on {root}", remedy="Check that disk for errors")


def release_mounts(root: Path, *, mountinfo: Path = Path("/proc/self/mountinfo")) -> None:
    """Unmount what a killed debootstrap left below `root`, so that removing the folder cannot reach the kernel's."""
    points = [line.split()[4] for line in mountinfo.read_text(encoding="utf-8").splitlines()]
    for point in reversed([point for point in points if Path(point).is_relative_to(root)]):
        subprocess.run(["umount", "--lazy", point], check=False)


def _empty(folder: Path, *, keep: str = "") -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name != keep:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
