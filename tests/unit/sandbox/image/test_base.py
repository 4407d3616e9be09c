"""What is done to a fresh system, and what a person is told when none can be made."""

import os
import tarfile
from pathlib import Path

import pytest

from harness.errors import EnvironmentFault
from harness.sandbox.image import base
from harness.sandbox.image.base import debootstrap_fault, dpkg_settings, make_root, sources_list, tar_root, trim_root
from harness.sandbox.lookup import DEFAULT_PATH


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    put(root / "etc/apt/sources.list", "deb http://mirror.example/debian bookworm main\n")
    put(root / "etc/dpkg/dpkg.cfg.d/.keep")
    for name in (
        "var/lib/apt/lists/a",
        "var/cache/apt/archives/a.deb",
        "var/log/bootstrap.log",
        "usr/share/man/man1/a.gz",
    ):
        put(root / name)
    for name in ("usr/share/doc/a/copyright", "usr/share/doc/a/changelog.gz", "usr/share/doc/a/examples/b", "bin/sh"):
        put(root / name)
    (root / "usr/share/doc/b").symlink_to("a")
    put(root / "proc/1/environ", "secret of the host")
    return root


def test_trim_leaves_programs_and_licences(fresh: Path) -> None:
    trim_root(fresh)
    left = {str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file()}
    assert {"bin/sh", "usr/share/doc/a/copyright", "etc/dpkg/dpkg.cfg.d/slim"} <= left
    assert (fresh / "usr/share/doc/b/copyright").is_file()
    gone = ("changelog", "examples", "var/", "usr/share/man")
    assert not [name for name in left if any(word in name for word in gone)]


def test_update_suites_are_added_from_the_same_mirror() -> None:
    assert sources_list("deb http://mirror.example/debian/ bookworm main\n").splitlines() == [
        "deb http://mirror.example/debian bookworm main",
        "deb http://mirror.example/debian bookworm-updates main",
        "deb http://mirror.example/debian-security bookworm-security main",
    ]


def test_an_unknown_source_list_is_a_fault() -> None:
    with pytest.raises(EnvironmentFault, match="no package source for bookworm"):
        sources_list("deb http://mirror.example/debian trixie main\n")


def test_dpkg_drops_manuals_and_keeps_licences_last() -> None:
    lines = dpkg_settings().splitlines()
    assert lines.index("path-exclude /usr/share/doc/*") < lines.index("path-include /usr/share/doc/*/copyright")


def test_tar_leaves_out_what_belongs_to_the_kernel(fresh: Path, tmp_path: Path) -> None:
    archive = tmp_path / "root.tar"
    archive.write_bytes(b"".join(tar_root(fresh)))
    with tarfile.open(archive) as content:
        names = content.getnames()
    assert "./bin/sh" in names
    assert "./proc" in names
    assert not [name for name in names if name.startswith("./proc/")]


@pytest.mark.parametrize(
    ("last", "remedy"),
    [
        ("tar: write error: No space left on device", "--cache-dir"),
        ("E: NOEXEC: Cannot install into target '/x' mounted with noexec or nodev", "not mounted noexec"),
        ("E: Release signed by unknown key", "debian-archive-keyring"),
        ("E: Failed getting release file", "mirror can be reached"),
    ],
)
def test_a_failed_debootstrap_shows_its_words_and_a_remedy(last: str, remedy: str) -> None:
    fault = debootstrap_fault([f"I: {number}" for number in range(50)] + [last])
    assert last in str(fault)
    assert "I: 1\n" not in str(fault)
    assert remedy in fault.remedy


def test_without_the_program_a_person_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "DEFAULT_PATH", str(tmp_path))
    with pytest.raises(EnvironmentFault, match=r"debootstrap, .* is not installed") as caught:
        make_root(tmp_path / "root", progress=str)
    assert "apt-get install debootstrap" in caught.value.remedy


def test_without_root_a_person_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = put(tmp_path / "debootstrap", "#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setattr(base, "DEFAULT_PATH", f"{tmp_path}:{DEFAULT_PATH}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EnvironmentFault, match="needs root") as caught:
        make_root(tmp_path / "root", progress=str)
    assert "as root" in caught.value.remedy


def test_mounts_elsewhere_are_left_alone(tmp_path: Path) -> None:
    mounts = put(tmp_path / "mountinfo", "22 1 0:21 / /proc rw - proc proc rw\n")
    base.release_mounts(tmp_path / "root", mountinfo=mounts)
    assert Path("/proc/self/status").exists()
