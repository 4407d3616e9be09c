"""What a revision stands for: branches, tags and object names, and what is said of one that is not there."""

import shutil
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.intake.git.refs import choose, require_revision

from .repositories import FILES, commit, git, refused, take, tree, write_tree

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def test_branch_tag_and_object_name_are_found(work: Path, bare: Path, tmp_path: Path) -> None:
    first = git(work, "rev-parse", "HEAD").decode().strip()
    write_tree(work, {"run.sh": "second\n"})
    git(work, "checkout", "--quiet", "-b", "topic/late")
    commit(work)
    git(work, "tag", "--annotate", "v2", "--message", "t")
    git(work, "push", "--quiet", str(bare), "topic/late", "v2")
    for pack_refs in (False, True):
        if pack_refs:
            git(bare, "pack-refs", "--all")
        for revision, text in {
            "main": "echo run\n",
            "topic/late": "second\n",
            "v2": "second\n",
            first: "echo run\n",
        }.items():
            folder = tmp_path / f"{pack_refs}-{revision.replace('/', '-')}"
            assert take(bare, folder, revision) == ()
            assert (folder / "run.sh").read_text() == text


def test_object_name_cut_short_is_found_if_it_is_of_one_commit(work: Path, bare: Path, tmp_path: Path) -> None:
    first = git(work, "rev-parse", "HEAD").decode().strip()
    git(work, "bundle", "create", "--quiet", str(tmp_path / "r.bundle"), "main")
    for number, (source, short) in enumerate(
        [(bare, first[:7]), (work, first[:12]), (tmp_path / "r.bundle", first[:8])]
    ):
        assert take(source, tmp_path / str(number), short) == ()
        assert (tmp_path / str(number) / "run.sh").is_file()
    blob = git(work, "rev-parse", "HEAD:run.sh").decode().strip()
    for absent in (blob[:9], "0123456789"):
        with pytest.raises(ConfigError, match=f"no branch or tag '{absent}' .* no commit or more than one") as caught:
            take(bare, tmp_path / "none", absent)
        assert "more digits" in caught.value.remedy
    with pytest.raises(ConfigError, match="There is no revision"):
        take(bare, tmp_path / "none", first[:6])


def test_the_only_branch_stands_in_for_a_head_that_leads_nowhere(bare: Path, target: Path) -> None:
    (bare / "HEAD").write_text("ref: refs/heads/master\n")
    assert take(bare, target) == ()
    assert tree(target) == FILES


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"# v2 git bundle\n" + b"1" * 40 + b" refs/heads/main\n", "the bundle's head is damaged"),
        (b"# v2 git bundle\n-" + b"1" * 40 + b" c\n\nPACK", "needs commits that it does not hold"),
        (b"# v3 git bundle\n@filter=blob:none\n\nPACK", "the bundle's head is damaged"),
        (b"# v2 git bundle\n" + b"1" * 40 + b" refs/heads/main\n\nPACK", "`git index-pack` refuses it"),
        (b"# v3 git bundle\n" + b"1" * 64 + b" HEAD\n\nPACK", "SHA-256 object names"),
    ],
)
def test_bundles_that_are_refused(tmp_path: Path, target: Path, head: bytes, why: str) -> None:
    (tmp_path / "b").write_bytes(head)
    refused(tmp_path / "b", target, "INT001", why)


def test_revision_that_is_not_there_is_a_config_error(bare: Path, target: Path) -> None:
    with pytest.raises(ConfigError, match=r"no revision 'absent' in the repository; branches: `main`\.") as caught:
        take(bare, target, "absent")
    assert "Name a branch" in caught.value.remedy


def test_whole_object_name_that_is_not_there_is_no_damaged_submission(bare: Path, target: Path) -> None:
    with pytest.raises(ConfigError, match=f"no branch or tag '{'1' * 40}' in the repository, and no commit"):
        take(bare, target, "1" * 40)


def test_whole_object_name_may_be_of_a_tag_or_a_tree(work: Path, tmp_path: Path) -> None:
    git(work, "tag", "--annotate", "v1", "--message", "t")
    for number, name in enumerate(("v1", "HEAD^{tree}")):
        assert take(work, tmp_path / str(number), git(work, "rev-parse", name).decode().strip()) == ()
        assert (tmp_path / str(number) / "run.sh").is_file()


@pytest.mark.parametrize("revision", ["main", "HEAD", "0123456789", "1" * 40, "v1"])
def test_what_may_be_there_is_not_refused_early(work: Path, bare: Path, tmp_path: Path, revision: str) -> None:
    git(work, "tag", "v1")
    git(work, "push", "--quiet", str(bare), "v1")
    git(work, "bundle", "create", "--quiet", str(tmp_path / "r.bundle"), "main", "v1")
    for source in (work, bare, tmp_path / "r.bundle"):
        require_revision(source, revision)


def test_absent_branch_or_tag_is_refused_early(work: Path, bare: Path, tmp_path: Path) -> None:
    git(work, "bundle", "create", "--quiet", str(tmp_path / "r.bundle"), "main")
    for source in (work, bare, tmp_path / "r.bundle"):
        with pytest.raises(ConfigError, match=r"no revision 'absent' in the repository; branches: `main`\."):
            require_revision(source, "absent")


def test_what_is_no_repository_or_damaged_is_not_its_business(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")
    (bare / "packed-refs").write_bytes(bytes(5_000_000))
    for source in (tmp_path, tmp_path / "a.zip", tmp_path / "nowhere", bare):
        require_revision(source, "absent")


def test_head_that_leads_nowhere_among_many_branches() -> None:
    with pytest.raises(Exception, match="HEAD names no branch that is there; branches: `a`, `b`"):
        choose({"refs/heads/a": "1" * 40, "refs/heads/b": "1" * 40}, "HEAD")
