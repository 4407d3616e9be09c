"""The two tutorials, run as they are written: their `sh` blocks in order, in one shell, in a folder like a fresh clone.

A `text` block after a block is what it prints: each of its lines must come, in that order; `…` stands for anything. A
comment before a block says what the reader need not know: `<!-- not run: WHY -->`, or the exit code, `<!-- exit 1 -->`.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from markdown_it import MarkdownIt

FOLDER = ("assignments", "submission", "schemas", "harness", "run.sh", "download.sh", "pyproject.toml", "image.lock")
WIDTH = "110"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Commands of a tutorial, the line they stand at, and what they must come to."""

    line: int
    commands: str
    exit_code: int
    printed: str


def blocks(text: str) -> list[Block]:
    """Give the blocks that are run."""
    found: list[Block] = []
    comment, before = "", ""
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "fence" and token.info == "sh":
            if not comment.startswith("not run: "):
                code = int(comment.removeprefix("exit ") or 0)
                assert token.map is not None
                found.append(Block(line=token.map[0] + 1, commands=token.content, exit_code=code, printed=""))
        elif token.type == "fence" and token.info == "text" and before == "sh":
            last = found[-1]
            found[-1] = Block(line=last.line, commands=last.commands, exit_code=last.exit_code, printed=token.content)
        comment = token.content.strip().removeprefix("<!-- ").removesuffix(" -->") if token.type == "html_block" else ""
        before = token.info
    return found


def missing(printed: str, output: str) -> str | None:
    """Give the first line of a `text` block that the output does not have after those before it."""
    lines = iter(output.splitlines())
    for wanted in printed.splitlines():
        pattern = re.compile(".*".join(map(re.escape, wanted.rstrip().split("…"))))
        if not any(pattern.fullmatch(line.rstrip()) for line in lines):
            return wanted
    return None


def run(page: str, folder: Path, root: Path) -> None:
    """Run a tutorial in `folder`; fail at the first block that does not come to what the page says."""
    script = ["set -uo pipefail; trap 'kill $(jobs -p) 2>/dev/null' EXIT"]
    steps = blocks((root / "docs" / "tutorial" / page).read_text(encoding="utf-8"))
    assert len(steps) > 5
    for number, step in enumerate(steps):
        place = folder.parent / f"{number:02}"
        place.with_suffix(".sh").write_text(step.commands, encoding="utf-8")
        source = f"source {shlex.quote(str(place))}.sh"
        # Inside a condition `set -e` would be off: only a block that is one command may be meant to fail.
        guarded = f"set -e; {source}; code=0; set +e" if step.exit_code == 0 else f"{source}; code=$?"
        script.append(f"exec >{shlex.quote(str(place))}.out 2>&1; {guarded}")
        script.append(f"[ $code = {step.exit_code} ] || exit 1; touch {shlex.quote(str(place))}.done")
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(root),
        "COLUMNS": WIDTH,
        "OMP_NUM_THREADS": "1",
    }
    subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, env=environment, check=False, timeout=1500)
    for number, step in enumerate(steps):
        place = folder.parent / f"{number:02}"
        output = place.with_suffix(".out").read_text(encoding="utf-8") if place.with_suffix(".out").exists() else ""
        where = f"docs/tutorial/{page}, block at line {step.line}"
        assert place.with_suffix(".done").exists(), f"{where} did not end with {step.exit_code}:\n{output}"
        assert (line := missing(step.printed, output)) is None, f"{where} did not print {line!r} but\n{output}"


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """A folder that looks like a clone of the project."""
    folder = tmp_path / "clone"
    (folder / "build").mkdir(parents=True)
    for name in FOLDER:
        (folder / name).symlink_to(root / name)
    return folder


@pytest.mark.slow
@pytest.mark.torch
def test_tutorial_for_a_student(clone: Path, root: Path) -> None:
    run("student.md", clone, root)


@pytest.mark.slow
@pytest.mark.docker
def test_tutorial_for_a_ta(clone: Path, root: Path, made: tuple[Path, Path], demo: ModuleType) -> None:
    """The demo is not run again: what it leaves is put there."""
    build, (base, adapter) = clone / "build" / "demo", made
    (build / "models").mkdir(parents=True)
    (build / "models" / base.name).symlink_to(base)
    shutil.unpack_archive(adapter, demo.pack(build, adapter, "http://127.0.0.1:1"))
    run("ta.md", clone, root)


def test_blocks_are_read_as_the_page_means_them() -> None:
    page = "<!-- not run: x -->\n```sh\na\n```\n\n<!-- exit 1 -->\n```sh\nb\n```\n\n```text\nsaid\n```\n\n"
    page += "words\n\n```sh\nc\n```\n"
    found = [(one.commands, one.exit_code, one.printed) for one in blocks(page)]
    assert found == [("b\n", 1, "said\n"), ("c\n", 0, "")]


def test_what_is_not_printed_is_seen() -> None:
    assert missing("one…\n…three", "one and two\nnothing\ntwo and three\n") is None
    assert missing("two\none", "one\ntwo\n") == "one"
    assert missing("on", "one\n") == "on"
