"""Entries that are refused: names, links, devices, set-id bits, collisions; nothing is written outside the target."""

import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from .archives import MB, codes, make_tar, make_zip, member, take, zip_entry

BAD_NAMES = {
    "../evil": "climbs out",
    "a/../../evil": "climbs out",
    "..\\evil": "climbs out",
    "/etc/evil": "absolute",
    "\\\\server\\evil": "absolute",
    "C:\\evil": "absolute",
    "C:evil": "absolute",
    "a\x1b[31m": "control characters",
    "a\u202egnp.sh": "control characters",
    "a\nb": "control characters",
    "x" * 256: "longer than",
    "/".join("d" * 33): "33 folders deep",
}


@pytest.mark.parametrize(("name", "why"), BAD_NAMES.items(), ids=[repr(name)[:20] for name in BAD_NAMES])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_bad_names_are_refused(tmp_path: Path, target: Path, name: str, why: str, kind: str) -> None:
    source = tmp_path / f"a.{kind}"
    if kind == "zip":
        make_zip(source, {"ok": b"x", name: b"evil"})
    else:
        make_tar(source, [(member("ok"), b"x"), (member(name), b"evil")])
    (finding,) = take(source, target)
    assert finding.code == "INT002"
    assert why.replace("33 folders", "32 folders") in finding.seen
    assert finding.seen.isprintable()
    assert not target.exists()
    assert not list(tmp_path.rglob("*evil*"))


LINKS_AND_SPECIALS = {
    "symlink": (member("a", tarfile.SYMTYPE, link="/etc/passwd"), "it is a link"),
    "symlink inside": (member("a", tarfile.SYMTYPE, link="b"), "it is a link"),
    "hard link": (member("a", tarfile.LNKTYPE, link="/etc/passwd"), "it is a link"),
    "fifo": (member("a", tarfile.FIFOTYPE), "it is a device, pipe or socket"),
    "character device": (member("a", tarfile.CHRTYPE), "it is a device, pipe or socket"),
    "block device": (member("a", tarfile.BLKTYPE), "it is a device, pipe or socket"),
}


@pytest.mark.parametrize(("info", "why"), LINKS_AND_SPECIALS.values(), ids=LINKS_AND_SPECIALS)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, target: Path, info: tarfile.TarInfo, why: str) -> None:
    (finding,) = take(make_tar(tmp_path / "a.tar", [(info, b"")]), target)
    assert (finding.code, finding.seen) == ("INT002", f"`a`: {why}")
    assert "without links" in finding.fix
    assert not target.exists()


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6644])
@pytest.mark.parametrize("kind", ["tar", "zip", "folder"])
def test_set_id_bits_are_refused(tmp_path: Path, target: Path, mode: int, kind: str) -> None:
    source = tmp_path / "hand-in"
    if kind == "folder":
        source.mkdir()
        (source / "a").write_bytes(b"x")
        (source / "a").chmod(mode)
    elif kind == "tar":
        make_tar(source, [(member("a", mode=mode), b"x")])
    else:
        zip_entry(source, "a", stat.S_IFREG | mode, b"x")
    (finding,) = take(source, target)
    assert finding.code == "INT002"
    assert finding.seen == "`a`: it is a file with a set-user-id or set-group-id bit; take it off with `chmod ug-s`"


def test_sparse_file_is_refused(tmp_path: Path, target: Path) -> None:
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(10 * MB)
    subprocess.run(["tar", "-C", tmp_path, "--sparse", "-cf", tmp_path / "a.tar", "hole"], check=True)
    assert codes(take(tmp_path / "a.tar", target, max_bytes=20 * MB)) == ["INT002"]


@pytest.mark.parametrize(("mode", "why"), [(stat.S_IFLNK | 0o777, "a link"), (stat.S_IFIFO | 0o644, "a device")])
def test_links_and_pipes_in_a_zip_are_refused(tmp_path: Path, target: Path, mode: int, why: str) -> None:
    (finding,) = take(zip_entry(tmp_path / "a.zip", "a", mode, b"/etc/passwd"), target)
    assert finding.code == "INT002"
    assert why in finding.seen


def test_links_and_pipes_in_a_folder_are_refused(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "r1"
    source.mkdir()
    (source / "ok").write_bytes(b"x")
    (source / "link").symlink_to("/etc/passwd")
    os.mkfifo(source / "pipe")
    findings = take(source, target)
    assert [one.seen for one in findings] == ["`link`: it is a link", "`pipe`: it is a device, pipe or socket"]
    assert not target.exists()


def test_write_through_a_link_does_not_leave_the_target(tmp_path: Path, target: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    members = [(member("a", tarfile.SYMTYPE, link=str(outside)), b""), (member("a/evil"), b"x")]
    assert "INT002" in codes(take(make_tar(tmp_path / "a.tar", members), target))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [("README", "readme"), ("caf\u00e9", "cafe\u0301"), ("Code/a", "code/b"), ("a", "a/b"), ("stra\u00dfe", "STRASSE")],
)
def test_names_that_some_file_systems_take_for_one_are_refused(
    tmp_path: Path, target: Path, first: str, second: str
) -> None:
    (finding,) = take(make_tar(tmp_path / "a.tar", [(member(first), b"1"), (member(second), b"2")]), target)
    assert finding.code == "INT002"
    assert "collides with" in finding.seen


def test_the_same_file_twice_is_refused(tmp_path: Path, target: Path) -> None:
    (finding,) = take(make_tar(tmp_path / "a.tar", [(member("a"), b"1"), (member("a"), b"2")]), target)
    assert finding.seen == "`a`: it is there twice"


def test_all_refusals_are_named_but_not_endlessly(tmp_path: Path, target: Path) -> None:
    source = make_zip(tmp_path / "a.zip", {f"../{n}": b"" for n in range(40)})
    assert codes(take(source, target)) == ["INT002"] * 10
