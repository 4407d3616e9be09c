"""Makes repositories with git itself, takes them in, and says what came of it."""

import os
import subprocess
from pathlib import Path

from harness.intake.archive.unpack import unpack
from harness.model.finding import Finding

MB = 1_000_000


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z"}
    who |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in who.items()}
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", **who}
    command = ["git", "-c", "init.defaultBranch=main", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, input=stdin, check=True, capture_output=True).stdout


def write_tree(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "m")
    return git(folder, "rev-parse", "HEAD").decode().strip()


def take(source: Path, target: Path, revision: str | None = None, *, max_bytes: int = MB) -> tuple[Finding, ...]:
    return unpack(source, target, max_bytes=max_bytes, max_files=50, ignored=(), revision=revision)


def refused(source: Path, target: Path, code: str, why: str, *, max_bytes: int = MB) -> None:
    (finding,) = take(source, target, max_bytes=max_bytes)
    assert finding.code == code
    assert why in finding.seen
    assert "/" not in finding.seen.replace("objects/", "").replace("bad/", "").replace("info/", "")
    assert not target.exists()


def tree(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_bytes().decode() for path in root.rglob("*") if path.is_file()}


FILES = {"run.sh": "echo run\n", "code/a.py": "x = 1\n"}
