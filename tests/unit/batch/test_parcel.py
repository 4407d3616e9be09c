"""A submission that was packed, sent and unpacked is to intake what it was before: same findings, same digest."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.batch.parcel import most_bytes, pack, unpack
from harness.errors import ConfigError
from harness.intake.archive.unpack import unpack as unpack_submission
from harness.intake.layout import find_root, tree_sha256
from harness.model.assignment import SubmissionRules
from harness.model.finding import Finding
from harness.model.submission import Submission

RULES = SubmissionRules(
    student_id="[a-z][0-9]{8}",
    required=("run.sh",),
    forbidden=(),
    ignored=(".git", "runs", "build"),
    prompt_files=("utils.py",),
    max_bytes=1_000_000,
    max_files=50,
)
NAME = "r13921031"


def seen(source: Path, target: Path, *, revision: str | None = None) -> tuple[tuple[Finding, ...], str | None]:
    """Give what intake finds, and the digest of what it unpacks."""
    findings = unpack_submission(
        source,
        target,
        max_bytes=RULES.max_bytes,
        max_files=RULES.max_files,
        ignored=RULES.ignored,
        revision=revision,
    )
    return findings, tree_sha256(find_root(target)) if target.is_dir() else None


def sent(source: Path, tmp_path: Path, *, revision: str | None = None) -> Path:
    parcel = pack(Submission(id=NAME, source=source, revision=revision), RULES, tmp_path / "scratch" / "parcel.tar")
    if not parcel.is_folder:
        return parcel.path
    place = tmp_path / "node" / source.name
    unpack(parcel.path, place)
    return place


def plain(folder: Path) -> None:
    (folder / "code").mkdir()
    (folder / "empty").mkdir()
    (folder / "run.sh").write_text("#!/usr/bin/env bash\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "code" / "作業 ü.py").write_text("print()\n")
    (folder / ("n" * 200)).write_bytes(b"\0" * 5000)


def wrapped(folder: Path) -> None:
    (folder / "homework" / "build").mkdir(parents=True)
    (folder / "homework" / "run.sh").write_text("true\n")
    (folder / "homework" / "build" / "large").write_bytes(bytes(2_000_000))


def links(folder: Path) -> None:
    plain(folder)
    (folder / "to-run").symlink_to("run.sh")
    (folder / "to-code").symlink_to("code")
    (folder / "away").symlink_to("/etc/passwd")
    (folder / "code" / "up").symlink_to("../../../..")


def odd(folder: Path) -> None:
    plain(folder)
    os.mkfifo(folder / "pipe")
    (folder / "set-id").write_text("x" * 10)
    (folder / "set-id").chmod(0o4755)
    (folder / "with\ncontrol").write_text("x")
    (folder / os.fsdecode(b"big5-\xa7@\xb7~")).write_text("x")


def too_large(folder: Path) -> None:
    plain(folder)
    with (folder / "sparse").open("wb") as file:
        file.truncate(50_000_000_000)
    (folder / "z").write_text("never reached")


def too_many(folder: Path) -> None:
    for number in range(60):
        (folder / f"{number}").write_text("x")


def ignored_only(folder: Path) -> None:
    (folder / "runs").mkdir()
    (folder / "runs" / "large").write_bytes(bytes(3_000_000))


@pytest.mark.parametrize("make", [plain, wrapped, links, odd, too_large, too_many, ignored_only])
def test_a_folder_is_the_same_there(make: Callable[[Path], None], tmp_path: Path) -> None:
    source = tmp_path / NAME
    source.mkdir()
    make(source)
    here = seen(source, tmp_path / "here")
    there = sent(source, tmp_path)
    assert there.name == NAME
    assert seen(there, tmp_path / "there") == here


def test_what_is_too_large_is_cut_and_what_is_ignored_stays_at_home(tmp_path: Path) -> None:
    for number, make in enumerate((too_large, ignored_only)):
        source = tmp_path / f"{number}"
        source.mkdir()
        make(source)
        parcel = pack(Submission(id=NAME, source=source), RULES, tmp_path / f"{number}.tar")
        assert parcel.path.stat().st_size < RULES.max_bytes + 30_000


def test_a_folder_is_packed_to_the_same_bytes_each_time(tmp_path: Path) -> None:
    contents = []
    for number in range(2):
        source = tmp_path / f"{number}" / NAME
        source.mkdir(parents=True)
        plain(source)
        os.utime(source / "run.sh", (number, number))
        contents.append(pack(Submission(id=NAME, source=source), RULES, tmp_path / "parcel.tar").path.read_bytes())
    assert contents[0] == contents[1]


def test_an_archive_is_sent_as_it_is_and_one_that_is_far_too_large_is_not(tmp_path: Path) -> None:
    archive = tmp_path / f"{NAME}.zip"
    archive.write_bytes(b"PK\x03\x04 and so on")
    parcel = pack(Submission(id=NAME, source=archive), RULES, tmp_path / "none.tar")
    assert (parcel.path, parcel.is_folder) == (archive, False)
    assert not (tmp_path / "none.tar").exists()
    with archive.open("r+b") as file:
        file.truncate(most_bytes(RULES) + 1)
    with pytest.raises(
        ConfigError, match=r"r13921031\.zip takes 68 MB; no more than 68 MB is sent to a node"
    ) as caught:
        pack(Submission(id=NAME, source=archive), RULES, tmp_path / "none.tar")
    assert "without --engine ray" in caught.value.remedy


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "origin" / NAME
    folder.mkdir(parents=True)
    plain(folder)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-qm", "x"], ["tag", "final"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    (folder / "later").write_text("not committed")
    return folder


@pytest.mark.parametrize("revision", ["HEAD", "final", "main"])
def test_a_repository_is_the_same_there(revision: str, repository: Path, tmp_path: Path) -> None:
    findings, digest = seen(repository, tmp_path / "here", revision=revision)
    assert digest is not None and not findings
    there = sent(repository, tmp_path, revision=revision)
    assert sorted(one.name for one in there.iterdir()) == [".git"]
    assert not (there / ".git" / "hooks" / "pre-commit.sample").exists()
    assert seen(there, tmp_path / "there", revision=revision) == (findings, digest)


def test_a_bare_repository_and_a_bundle_are_the_same_there(repository: Path, tmp_path: Path) -> None:
    bare, bundle = tmp_path / f"{NAME}.git", tmp_path / f"{NAME}.bundle"
    subprocess.run(["git", "clone", "-q", "--bare", str(repository), str(bare)], check=True)
    subprocess.run(["git", "bundle", "create", "-q", str(bundle), "HEAD", "main"], cwd=repository, check=True)
    for number, source in enumerate((bare, bundle)):
        here = seen(source, tmp_path / f"here-{number}")
        assert here[1] is not None
        assert seen(sent(source, tmp_path), tmp_path / f"there-{number}") == here


def test_a_repository_that_points_elsewhere_is_refused_there_as_here(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone" / NAME
    clone.mkdir(parents=True)
    (clone / ".git").symlink_to(repository / ".git")
    here = seen(clone, tmp_path / "here", revision="HEAD")
    assert [one.code for one in here[0]] == ["INT001"]
    assert seen(sent(clone, tmp_path, revision="HEAD"), tmp_path / "there", revision="HEAD") == here


def test_a_submission_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no submission at"):
        pack(replace(Submission(id=NAME, source=tmp_path / "none")), RULES, tmp_path / "parcel.tar")
