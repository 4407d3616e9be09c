"""`harness image`: what a person sees without an image, and what stays on the screen."""

import io
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from harness.cli.image import _shown_progress

ROOT = Path(__file__).resolve().parents[3]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "image", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_verify_without_a_lock_says_what_to_run(tmp_path: Path) -> None:
    done = run("verify", "--lock", str(tmp_path / "image.lock"))
    assert done.returncode == 4
    remedy = "Run `harness image build` in the project, or give its lock with --image-lock."
    assert done.stderr == f"harness: There is no image lock at {tmp_path}/image.lock.\n  {remedy}\n"


def test_an_unknown_flavour_is_a_usage_error() -> None:
    done = run("build", "--flavour", "rocm")
    assert done.returncode == 2
    assert "'rocm' is not one of 'auto', 'cpu', 'cuda'" in done.stderr


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    done = run("build", "--project", str(tmp_path), "--cache-dir", str(tmp_path / "cache"))
    assert done.returncode == 3
    assert f"Cannot read {tmp_path}/Dockerfile" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_milestones_stay_and_single_wheels_pass_by() -> None:
    written = io.StringIO()
    with _shown_progress(Console(file=written)) as progress:
        progress("wheels: 0 of 2 in the cache, downloading 2")
        progress("wheel torch-2.13.0 (191.8 MB)")
        progress("Step 1/2 : FROM x [y]")
    assert written.getvalue() == "wheels: 0 of 2 in the cache, downloading 2\nStep 1/2 : FROM x [y]\n"
