"""A repository is hostile: nothing of it runs, nothing outside it is read, and what it takes is bounded.

The tests make repositories with git itself and then spoil them by hand. `canary` is what a hook, filter or helper would
write if it ever ran.
"""

import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.intake.archive.entries import BadArchive
from harness.intake.archive.unpack import unpack
from harness.intake.git import process as git_process
from harness.intake.git.store import is_repository

from .repositories import FILES, MB, commit, git, refused, take, tree, write_tree

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


# What is accepted.


def test_bare_repository_gives_the_files_of_its_head(bare: Path, target: Path) -> None:
    before = {path: path.lstat().st_mtime_ns for path in bare.rglob("*")}
    assert take(bare, target) == ()
    assert tree(target) == FILES
    assert os.access(target / "run.sh", os.X_OK) and not (target / "code" / "a.py").stat().st_mode & 0o111
    assert {path: path.lstat().st_mtime_ns for path in bare.rglob("*")} == before


def test_loose_objects_and_packs_are_read(work: Path, target: Path) -> None:
    git(work, "gc", "--quiet")
    write_tree(work, {"late.txt": "late"})
    commit(work)
    assert is_repository(work / ".git")
    assert take(work / ".git", target) == ()
    assert tree(target) == {**FILES, "late.txt": "late"}


def test_working_tree_is_a_plain_folder_unless_a_revision_is_asked_for(work: Path, tmp_path: Path) -> None:
    write_tree(work, {"new.txt": "not committed"})
    take(work, tmp_path / "plain")
    take(work, tmp_path / "committed", "HEAD")
    assert (tmp_path / "plain" / "new.txt").is_file() and (tmp_path / "plain" / ".git" / "HEAD").is_file()
    assert tree(tmp_path / "committed") == FILES


@pytest.mark.parametrize("pack", [False, True])
def test_sha256_repository_is_said_to_be_one(tmp_path: Path, target: Path, pack: bool) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    git(folder, "init", "--quiet", "--object-format=sha256")
    write_tree(folder, FILES)
    sha = commit(folder)
    if pack:
        git(folder, "gc", "--quiet")
        git(folder, "bundle", "create", "--quiet", str(tmp_path / "b"), "HEAD")
        refused(tmp_path / "b", target, "INT001", "it uses SHA-256 object names, and only SHA-1 ones are read")
    refused(folder / ".git", target, "INT001", "it uses SHA-256 object names, and only SHA-1 ones are read")
    for revision in (sha, sha[:9], "main"):
        (finding,) = take(folder, target, revision)
        assert "SHA-256" in finding.seen


def test_bundle_is_read(work: Path, tmp_path: Path, target: Path) -> None:
    git(work, "bundle", "create", "--quiet", str(tmp_path / "r.bundle"), "HEAD", "main")
    assert take(tmp_path / "r.bundle", target) == ()
    assert tree(target) == FILES


def test_names_go_through_the_same_checks(work: Path, tmp_path: Path, target: Path) -> None:
    blob = git(work, "hash-object", "-w", "--stdin", stdin=b"x").decode().strip()
    # mktree takes names that add would refuse.
    for name in ("a\x1b", ".."):
        shutil.rmtree(target, ignore_errors=True)
        inner = git(work, "mktree", "-z", stdin=f"100644 blob {blob}\t{name}\0".encode()).decode().strip()
        outer = git(work, "mktree", stdin=f"040000 tree {inner}\tbad\n".encode()).decode().strip()
        sha = git(work, "commit-tree", outer, "-m", "m").decode().strip()
        git(work, "update-ref", "refs/heads/main", sha)
        (finding,) = take(work / ".git", target)
        assert finding.code == "INT002"
        assert "control characters" in finding.seen or "climbs out" in finding.seen


# What must run nothing.


def with_hooks(bare: Path, canary: Path) -> None:
    for name in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        path = bare / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {canary}\n")
        path.chmod(0o755)


def with_config(bare: Path, canary: Path) -> None:
    script = bare / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {canary}\n")
    script.chmod(0o755)
    names = ("fsmonitor", "sshCommand", "pager", "editor", "gitProxy", "alternateRefsCommand", "askPass")
    lines = "".join(f"\t{name} = {script}\n" for name in names)
    (bare / "config").write_text(
        f"[core]\n\trepositoryformatversion = 0\n\tbare = true\n\thooksPath = {bare}\n{lines}"
        f'[uploadpack]\n\tpackObjectsHook = {script}\n[filter "evil"]\n\tsmudge = {script}\n\tprocess = {script}\n'
        f"[gpg]\n\tprogram = {script}\n[include]\n\tpath = /etc/shadow\n[alias]\n\tls-tree = !{script}\n"
        f'[remote "origin"]\n\turl = ext::{script}\n\tpromisor = true\n'
    )


def with_broken_config(bare: Path, canary: Path) -> None:
    (bare / "config").write_text("[core\n\trepositoryformatversion = 99\n[include]\n\tpath = /etc/passwd\n")
    (bare / "info").mkdir(exist_ok=True)
    (bare / "info" / "attributes").write_text("* filter=evil export-ignore\n")
    (bare / "info" / "grafts").write_text("garbage\n")
    (bare / "shallow").write_text("garbage\n")


@pytest.mark.parametrize("spoil", [with_hooks, with_config, with_broken_config])
def test_hooks_and_configuration_are_never_read(
    bare: Path, tmp_path: Path, target: Path, spoil: Callable[[Path, Path], None]
) -> None:
    spoil(bare, tmp_path / "canary")
    assert take(bare, target) == ()
    assert tree(target) == FILES
    assert not (tmp_path / "canary").exists()


def test_attributes_of_the_tree_change_nothing(work: Path, target: Path) -> None:
    attributes = "* filter=lfs export-subst text eol=crlf ident\nsecret.txt export-ignore\n"
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 132000000\n"
    raw = {"a.txt": "$Format:%H %GS$ $Id$\nx\n", "secret.txt": "here\n", "adapter_model.safetensors": pointer}
    write_tree(work, {"a.txt": raw["a.txt"], "secret.txt": raw["secret.txt"], "adapter_model.safetensors": pointer})
    commit(work)
    (work / ".gitattributes").write_text(attributes)
    git(work, "add", ".gitattributes")
    git(work, "commit", "--quiet", "-m", "m")
    assert take(work / ".git", target) == ()
    assert tree(target) == {**FILES, **raw, ".gitattributes": attributes}


# What must read nothing else.


@pytest.mark.parametrize("name", ["alternates", "http-alternates"])
def test_borrowed_objects_are_refused(bare: Path, tmp_path: Path, target: Path, name: str) -> None:
    (bare / "objects" / "info").mkdir(exist_ok=True)
    (bare / "objects" / "info" / name).write_text(str(tmp_path / "work" / ".git" / "objects") + "\n")
    refused(bare, target, "INT001", "borrows objects from another repository")


@pytest.mark.parametrize(
    "place", ["objects", "objects/pack", "objects/pack/pack-1.pack", "refs/heads", "HEAD", "packed-refs"]
)
def test_links_inside_are_not_followed(work: Path, bare: Path, target: Path, place: str) -> None:
    path = bare / place
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(work / ".git" / place)
    findings = take(bare, target)
    if findings:
        assert [one.code for one in findings] in (["INT001"], ["INT002"])
        assert not target.exists()
    else:  # a link in `refs` is as good as nothing
        assert tree(target) == FILES


def test_link_instead_of_the_objects_does_not_lead_out(work: Path, tmp_path: Path, target: Path) -> None:
    fake = tmp_path / "fake.git"
    (fake / "refs").mkdir(parents=True)
    (fake / "objects").mkdir()
    (fake / "HEAD").write_text(git(work, "rev-parse", "HEAD").decode())
    for path in (work / ".git" / "objects").iterdir():
        (fake / "objects" / path.name).symlink_to(path)
    refused(fake, target, "INT001", "it holds a link: objects/")


def test_object_that_is_a_link_is_not_followed(work: Path, tmp_path: Path, target: Path) -> None:
    fake = tmp_path / "fake.git"
    shutil.copytree(work / ".git", fake)
    victim = next(path for path in (fake / "objects").rglob("*") if len(path.name) == 38)
    real = work / ".git" / victim.relative_to(fake)
    victim.unlink()
    victim.symlink_to(real)
    refused(fake, target, "INT001", "is a link")


def test_working_tree_of_another_repository_is_refused(bare: Path, work: Path, tmp_path: Path, target: Path) -> None:
    (bare / "commondir").write_text(str(work / ".git"))
    refused(bare, target, "INT001", "working tree of another repository")
    side = tmp_path / "side"
    side.mkdir()
    (side / ".git").write_text(f"gitdir: {work / '.git'}\n")
    (finding,) = take(side, target, "HEAD")
    assert "its `.git` points elsewhere" in finding.seen


def test_links_and_submodules_in_the_tree_are_refused(work: Path, target: Path) -> None:
    (work / "link").symlink_to("/etc/passwd")
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    (work / ".gitmodules").write_text('[submodule "sub"]\n\tpath = sub\n\turl = ext::touch /tmp/evil\n')
    git(work, "add", "link", ".gitmodules")
    git(work, "commit", "--quiet", "-m", "m")
    findings = take(work / ".git", target)
    assert [(one.code, one.seen) for one in findings] == [
        ("INT002", "`link`: it is a link"),
        ("INT002", "`sub`: it is a submodule of git, and nothing is fetched"),
    ]


# What is damaged or too much.


def loose(repository: Path, kind: str, content: bytes, *, claimed: int | None = None) -> str:
    """Write an object by hand."""
    data = f"{kind} {len(content) if claimed is None else claimed}\0".encode() + content
    sha = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    path = repository / "objects" / sha[:2] / sha[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(data))
    return sha


def head_at_tree(repository: Path, entries: list[tuple[str, str, str]]) -> None:
    """Point HEAD at a new tree of (mode, name, object name)."""
    data = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(sha) for mode, name, sha in entries)
    (repository / "HEAD").write_text(loose(repository, "tree", data) + "\n")


def test_cut_pack_is_refused(bare: Path, target: Path) -> None:
    (pack,) = (bare / "objects" / "pack").glob("*.pack")
    content = pack.read_bytes()
    pack.chmod(0o644)
    pack.write_bytes(content[:-30])
    refused(bare, target, "INT001", "it is damaged: `git index-pack` refuses it")


def test_index_of_a_pack_is_not_trusted(bare: Path, target: Path) -> None:
    (index,) = (bare / "objects" / "pack").glob("*.idx")
    index.chmod(0o644)
    index.write_bytes(os.urandom(5000))
    assert take(bare, target) == ()


def test_missing_object_is_refused(work: Path, target: Path) -> None:
    sha = git(work, "rev-parse", "HEAD:run.sh").decode().strip()
    (work / ".git" / "objects" / sha[:2] / sha[2:]).unlink()
    refused(work / ".git", target, "INT001", "a file's content is missing")


def test_large_file_is_stopped_by_the_budget(work: Path, target: Path) -> None:
    (work / "zeros").write_bytes(bytes(30 * MB))
    commit(work)
    refused(work / ".git", target, "INT003", "unpacks to more than 1 MB")


@pytest.mark.parametrize(
    ("claimed", "code", "why"),
    [
        (1 << 40, "INT003", "more than 1 MB"),
        (900_000, "INT001", "`git fsck` refuses it"),
        (0, "INT001", "`git fsck` refuses it"),
    ],
)
def test_object_that_lies_about_its_size_is_neither_allocated_nor_waited_for(
    work: Path, target: Path, claimed: int, code: str, why: str
) -> None:
    sha = loose(work / ".git", "blob", b"x", claimed=claimed)
    head_at_tree(work / ".git", [("100644", "a", sha)])
    start = time.monotonic()
    refused(work / ".git", target, code, why)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("kind", ["tree", "commit", "tag"])
def test_other_objects_that_lie_about_their_size(work: Path, target: Path, kind: str) -> None:
    (work / ".git" / "HEAD").write_text(loose(work / ".git", kind, b"x", claimed=1 << 42) + "\n")
    refused(work / ".git", target, "INT001", "damaged")


def test_tree_bomb_is_stopped_by_the_count(work: Path, target: Path) -> None:
    sha = loose(work / ".git", "blob", b"x")
    for _ in range(10):  # 10^10 files
        data = b"".join(
            f"{'100644' if _ == 0 else '40000'} {name}\0".encode() + bytes.fromhex(sha) for name in "abcdefghij"
        )
        sha = loose(work / ".git", "tree", data)
    (work / ".git" / "HEAD").write_text(sha + "\n")
    start = time.monotonic()
    refused(work / ".git", target, "INT003", "more than 50 files and folders")
    assert time.monotonic() - start < 5


def test_tree_bomb_below_an_ignored_name_is_stopped_by_the_count(work: Path, target: Path) -> None:
    sha = loose(work / ".git", "blob", b"x")
    for level in range(10):
        mode = "100644" if level == 0 else "40000"
        data = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(sha) for name in "abcdefghij")
        sha = loose(work / ".git", "tree", data)
    head_at_tree(work / ".git", [("40000", "node_modules", sha)])
    start = time.monotonic()
    (finding,) = unpack(work / ".git", target, max_bytes=MB, max_files=50, ignored=("node_modules",))
    assert time.monotonic() - start < 10
    assert (finding.code, finding.seen) == (
        "INT003",
        "`.git` unpacks to more than 10500 files and folders, with what is left out",
    )


def test_history_that_is_too_large_is_refused(work: Path, target: Path) -> None:
    with (work / ".git" / "objects" / "pack" / "pack-1.pack").open("wb") as file:
        file.truncate(70 * MB)
    refused(work / ".git", target, "INT003", "more than 68 MB of objects, history included")


def test_slow_git_is_ended_and_said_to_be_slow(tmp_path: Path) -> None:
    ends_at = time.monotonic() + 0.5
    program = str(script(tmp_path / "git", "sleep 60"))
    slow = git_process.Git(program=program, folder=tmp_path, ends_at=ends_at, file_bytes=MB)
    with pytest.raises(BadArchive, match="reading it takes git longer than 60 s"):
        slow.run("fsck")
    with pytest.raises(BadArchive, match="longer than 60 s"), slow.start("ls-tree") as (_, output):
        assert output.read() == b""
    assert time.monotonic() - ends_at < 5


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\nexec {text}\n")
    path.chmod(0o755)
    return path


def test_git_gets_no_environment_and_its_memory_and_files_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_CONFIG_COUNT", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "LD_PRELOAD_X", "SECRET"):
        monkeypatch.setenv(name, "1")
    program = script(tmp_path / "git", "sh -c 'env; ulimit -v; ulimit -f; ulimit -t'")
    git = git_process.Git(program=str(program), folder=tmp_path, ends_at=time.monotonic() + 30, file_bytes=512_000)
    with git.start("x") as (_, output):
        lines = output.read().decode().splitlines()
    names = {line.partition("=")[0] for line in lines if "=" in line}
    assert {name for name in names if name not in ("PWD", "_", "SHLVL", "OLDPWD")} == {
        *("PATH", "HOME", "LC_ALL", "GIT_DIR", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_ATTR_NOSYSTEM"),
        *("GIT_TERMINAL_PROMPT", "GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL"),
    }
    assert lines[-3:] == [str(((1 << 30) + 512_000) // 1024), "1001", "60"]


# What is the machine's fault.


def test_no_git_is_a_config_error(bare: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_process, "SEARCHED", str(tmp_path / "empty"))
    with pytest.raises(ConfigError, match="there is no git on this machine") as caught:
        take(bare, target)
    assert "unpack the repository yourself" in caught.value.remedy
