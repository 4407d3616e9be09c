"""A real class of one: the tiny base, the reference adapter, and hand-ins made from the reference submission."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from rich.console import Console

from harness.sandbox.choose import choose_sandbox
from harness.sandbox.interface import Sandbox

EXAMPLES = 8


def load_demo(root: Path) -> ModuleType:
    spec = spec_from_file_location("demo", root / "assignments" / "classical-chinese" / "demo.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What the command line left behind."""

    exit_code: int
    stdout: str
    stderr: str
    record: dict[str, Any]
    folder: Path

    @property
    def codes(self) -> set[str]:
        return {found["code"] for stage in self.record["stages"] for found in stage["findings"]}

    @property
    def errors(self) -> list[dict[str, Any]]:
        findings = [found for stage in self.record["stages"] for found in stage["findings"]]
        return [found for found in findings if found["severity"] == "error"]

    def stage(self, name: str) -> dict[str, Any]:
        (found,) = (stage for stage in self.record["stages"] if stage["stage"] == name)
        return found


@pytest.fixture(scope="session")
def demo(root: Path) -> ModuleType:
    return load_demo(root)


@pytest.fixture(scope="session")
def sandbox(engine: str, root: Path) -> Sandbox:
    return choose_sandbox("docker", image_lock=root / "image.lock", allow_process=False)


@pytest.fixture(scope="session")
def made(demo: ModuleType, sandbox: Sandbox, root: Path) -> tuple[Path, Path]:
    """The tiny base and the archive of the reference adapter, as `make demo` makes them."""
    base, adapter = demo.prepare(root / "build" / "demo", sandbox=sandbox, console=Console(stderr=True))
    return base, adapter


@pytest.fixture(scope="session")
def base(made: tuple[Path, Path]) -> Path:
    return made[0]


@pytest.fixture
def assignment(root: Path, tmp_path: Path) -> Path:
    """The real assignment with few examples and short budgets, to be changed by a test."""
    source = root / "assignments" / "classical-chinese"
    folder = tmp_path / "assignment"
    (folder / "data").mkdir(parents=True)
    for split in ("train", "public", "private"):
        rows = json.loads((source / "data" / f"{split}.json").read_text(encoding="utf-8"))
        (folder / "data" / f"{split}.json").write_text(json.dumps(rows[:EXAMPLES]), encoding="utf-8")
    text = (source / "assignment.yaml").read_text(encoding="utf-8")
    # Tests share the cores, and one thread suits the tiny model.
    text = re.sub(r"^( +)timeout_s:", r"\1cpus: 1\n\1timeout_s:", text, flags=re.MULTILINE)
    (folder / "assignment.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def set_budgets(assignment: Path) -> Callable[..., None]:
    """Give a function that sets the time budgets of stages in seconds."""

    def apply(**budgets_s: float) -> None:
        path = assignment / "assignment.yaml"
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
        for stage, timeout_s in budgets_s.items():
            text["stages"][stage]["timeout_s"] = timeout_s
        path.write_text(yaml.safe_dump(text, allow_unicode=True), encoding="utf-8")

    return apply


@pytest.fixture
def submission(root: Path, made: tuple[Path, Path], tmp_path: Path) -> Iterator[Path]:
    """The reference submission as a folder that brings its adapter along and copies it in download.sh."""
    folder = tmp_path / "r13921031"
    shutil.copytree(root / "submission", folder / "submission", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "run.sh", folder)
    shutil.unpack_archive(made[1], folder / "brought")
    (folder / "download.sh").write_text("#!/usr/bin/env bash\ncp -r brought/adapter_checkpoint .\n")
    yield folder


@pytest.fixture
def unscored(submission: Path) -> Path:
    """The submission without its prompt file: REN001, and nothing is rendered or scored, which saves seconds."""
    (submission / "submission" / "utils.py").unlink()
    return submission


Grade = Callable[..., Graded]


@pytest.fixture
def grade(sandbox: Sandbox, base: Path, tmp_path: Path, root: Path) -> Grade:
    """Run the command line for real and read the record it left."""

    def run(
        submission: Path, assignment: Path, command: str = "grade", sandbox: str = "docker", output: str = "run"
    ) -> Graded:
        folder = tmp_path / output
        words = [sys.executable, "-m", "harness", command, str(submission), "--assignment", str(assignment)]
        words += ["--base-model", str(base), "--output", str(folder), "--sandbox", sandbox]
        words += ["--image-lock", str(root / "image.lock")]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root)
        assert (folder / "submissions").is_dir(), done.stderr
        (kept,) = (folder / "submissions").iterdir()
        record = json.loads((kept / "record.json").read_text(encoding="utf-8"))
        return Graded(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr, record=record, folder=kept)

    return run
