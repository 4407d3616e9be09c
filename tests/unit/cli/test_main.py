"""The command line: fast help, exit codes, one clear message and no traceback."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import __version__


def harness(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def assignment(root: Path) -> str:
    return str(root / "assignments" / "classical-chinese")


@pytest.fixture
def base(tmp_path: Path) -> str:
    folder = tmp_path / "Qwen3-tiny"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    tensor = {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}
    header = json.dumps({"model.layers.0.self_attn.q_proj.weight": tensor}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    return str(folder)


def test_help_lists_the_commands_and_exit_codes() -> None:
    done = harness("--help")
    assert done.returncode == 0
    for words in ("check", "grade", "score", "image", "downloads", "schema", "doctor", "4 the machine cannot"):
        assert words in done.stdout


def test_help_answers_fast_and_loads_no_heavy_package() -> None:
    code = "import sys; from harness.cli import cli; cli(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for package in ("torch", "docker", "jsonschema", "rich", "transformers", "ray"):
        assert f"'{package}'" not in loaded
    times = []
    for _ in range(5):
        start = time.perf_counter()
        harness("--help")
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3


def test_version() -> None:
    assert harness("--version").stdout == f"harness, version {__version__}\n"


def test_an_unknown_command_is_a_usage_error() -> None:
    done = harness("gradee")
    assert done.returncode == 2
    assert "No such command 'gradee'" in done.stderr


def one_clear_message(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_missing_submission(assignment: str, base: str, tmp_path: Path) -> None:
    output = tmp_path / "run"
    done = harness("grade", "nowhere.zip", "--assignment", assignment, "--base-model", base, "--output", str(output))
    one_clear_message(done, 3, "There is no submission at nowhere.zip", "folder or an archive")
    assert not output.exists()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_revision_that_is_not_there(assignment: str, base: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "r13921031.git"], check=True)
    url, runs = f"file://{tmp_path}/r13921031.git#v9", tmp_path / "runs"
    done = harness("check", url, "--assignment", assignment, "--base-model", base, "--output", str(runs))
    one_clear_message(done, 3, "There is no revision 'v9' in the repository", "Name a branch, a tag")
    assert not runs.exists()


# A submission of their own for tests that never get as far as reading it.
@pytest.fixture
def source(tmp_path: Path) -> str:
    folder = tmp_path / "r13921031"
    folder.mkdir()
    return str(folder)


def test_a_missing_base_model(assignment: str, tmp_path: Path) -> None:
    done = harness("grade", str(tmp_path), "--assignment", assignment, "--base-model", str(tmp_path / "none"))
    one_clear_message(done, 4, "There is no base model at", "hf download Qwen/Qwen3-4B --local-dir Qwen3-4B")


def test_a_base_model_of_another_name(assignment: str, base: str, tmp_path: Path) -> None:
    other = Path(base).rename(tmp_path / "Other-7B")
    done = harness("grade", str(tmp_path), "--assignment", assignment, "--base-model", str(other))
    one_clear_message(done, 3, "'Other-7B' is none of the assignment's base models (Qwen3-4B, Qwen3-tiny)")


def test_a_typo_in_the_assignment(root: Path, base: str, tmp_path: Path) -> None:
    text = (root / "assignments" / "classical-chinese" / "assignment.yaml").read_text(encoding="utf-8")
    wrong = tmp_path / "assignment.yaml"
    wrong.write_text(text.replace("rubric:", "rubrik:"), encoding="utf-8")
    done = harness("grade", str(tmp_path), "--assignment", str(wrong), "--base-model", base)
    line = next(number for number, row in enumerate(text.splitlines(), 1) if row.startswith("rubric:"))
    one_clear_message(done, 3, f"assignment.yaml:{line}:1", "`rubrik`", "did you mean `rubric`")


def test_an_unknown_placeholder_in_run(root: Path, base: str, tmp_path: Path) -> None:
    text = (root / "assignments" / "classical-chinese" / "assignment.yaml").read_text(encoding="utf-8")
    wrong = tmp_path / "assignment.yaml"
    wrong.write_text(text.replace("{adapter}", "{adaptor}"), encoding="utf-8")
    done = harness("grade", str(tmp_path), "--assignment", str(wrong), "--base-model", base)
    one_clear_message(done, 3, "{adaptor}", "{adapter}")


def test_no_engine_where_docker_is_asked(assignment: str, base: str, source: str, tmp_path: Path) -> None:
    words = ("grade", source, "--assignment", assignment, "--base-model", base, "--sandbox", "docker")
    done = harness(*words, "--output", str(tmp_path / "run"), DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    one_clear_message(done, 4, "No container engine answers", "Start Docker")
    assert not (tmp_path / "run").exists()


def test_the_process_sandbox_needs_what_the_image_has(assignment: str, base: str, source: str, tmp_path: Path) -> None:
    words = ("check", source, "--assignment", assignment, "--base-model", base, "--sandbox", "process")
    code = "import importlib.util as u; u.find_spec = lambda name: None; from harness.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    one_clear_message(done, 4, "lacks torch, transformers, peft, bitsandbytes, gdown", "pip install '.[local]'")


def test_process_sandbox_needs_trust_to_grade(assignment: str, base: str, source: str, tmp_path: Path) -> None:
    words = ("grade", source, "--assignment", assignment, "--base-model", base, "--sandbox", "process")
    one_clear_message(harness(*words), 3, "--sandbox process --i-trust-this-code")


def test_a_wrong_student_id(assignment: str, base: str, source: str, tmp_path: Path) -> None:
    words = ("check", source, "--assignment", assignment, "--base-model", base, "--student-id", "../x")
    one_clear_message(harness(*words, "--sandbox", "process"), 3, "'../x' does not match", "[a-z][0-9]{8}")


@pytest.mark.torch
@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_the_machines_fault(assignment: str, base: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    submission = tmp_path / "r13921031"
    submission.mkdir()
    (submission / "run.sh").write_bytes(b"#" * 200_000)
    try:
        words = ("check", str(submission), "--assignment", assignment, "--base-model", base)
        done = harness(*words, "--sandbox", "process", "--output", str(disk / "run"))
        one_clear_message(done, 4)
        assert "No space left on device" in done.stdout + done.stderr
        assert {json.loads(path.read_text())["outcome"] for path in disk.rglob("record.json")} <= {"not_graded"}
        assert not list(disk.rglob("*.tmp"))
    finally:
        subprocess.run(["umount", disk], check=True)
