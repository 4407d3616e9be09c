"""Gradescope's autograder, where it runs: its paths, root, no network, wheels that the zip brings."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import docker
import pytest

from harness.sandbox.choose import verified_image
from tests.unit.report.exports.test_gradescope import valid

pytestmark = [pytest.mark.docker, pytest.mark.slow]
ASSIGNMENT = "assignments/classical-chinese"
METADATA = {"users": [{"email": "R13921031@school.example", "id": 3, "name": "A student"}]}

Autograde = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels that the harness needs, without the extras."""
    folder = tmp_path_factory.mktemp("wheels")
    needed = [one for one in requires("lora-harness") or () if "extra ==" not in one]
    pip = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", "download", "--only-binary", ":all:"]
    subprocess.run([*pip, "--python-version", "3.11", "-d", str(folder), *needed], check=True, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def autograder(engine: str, root: Path, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /autograder as Gradescope lays it out, after setup.sh has run in the image."""
    folder = tmp_path_factory.mktemp("autograder")
    words = [sys.executable, "-m", "harness", "gradescope", "build", ASSIGNMENT, "--output", str(folder / "a.zip")]
    done = subprocess.run(
        [*words, "--wheels", str(wheels), "--lang", "en", "--mail-domain", "school.example"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "gives no points: make the assignment worth 0" in done.stdout
    unpack(folder / "a.zip", folder / "source")
    shutil.copy(folder / "source" / "run_autograder", folder)
    return folder


def unpack(archive: Path, folder: Path) -> None:
    """Unzip with the permissions that the zip has."""
    with zipfile.ZipFile(archive) as content:
        for entry in content.infolist():
            path = Path(content.extract(entry, folder))
            path.chmod(entry.external_attr >> 16 & 0o777)


@pytest.fixture
def autograde(autograder: Path, root: Path, tmp_path: Path) -> Iterator[Autograde]:
    """Give a function that runs the autograder on a folder and reads what is uploaded to Gradescope."""
    client = docker.from_env()
    place = tmp_path / "autograder"
    shutil.copytree(autograder, place)

    def run(submission: Path, *, before: str = "true", metadata: object = METADATA) -> dict[str, Any]:
        shutil.copytree(submission, place / "submission", dirs_exist_ok=True)
        (place / "submission_metadata.json").write_text(json.dumps(metadata))
        script = f"bash source/setup.sh && ({before}) && ./run_autograder; chmod -R a+rwX /autograder"
        container = client.containers.create(
            verified_image(root / "image.lock"),
            ["bash", "-c", script],
            user="0",
            network_mode="none",
            working_dir="/autograder",
            volumes={str(place): {"bind": "/autograder", "mode": "rw"}},
        )
        try:
            container.start()
            container.wait(timeout=300)
            print(container.logs().decode())
        finally:
            container.remove(force=True)
        read: dict[str, Any] = json.loads((place / "results" / "results.json").read_text())
        return read

    yield run
    client.close()


@pytest.fixture
def submission(root: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "handed-in"
    shutil.copytree(root / "submission", folder / "submission", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run.sh", "download.sh"):
        shutil.copy(root / name, folder)
    return folder


def test_a_good_submission_is_checked_and_given_no_points(autograde: Autograde, submission: Path) -> None:
    results = valid(autograde(submission))
    assert results["score"] == 0 and {one["max_score"] for one in results["tests"]} == {0}
    assert results["output"].startswith("No error found. This is a check of files and adapter, not the grade")
    assert results["extra_data"]["id"] == "r13921031"
    assert results["tests"][0]["status"] == "passed"


def test_a_bad_one_is_told_what_is_wrong(autograde: Autograde, submission: Path) -> None:
    (submission / "run.sh").unlink()
    results = valid(autograde(submission, metadata={}))
    assert results["output"].startswith("Errors found: 1. With them the submission will lose points.")
    failed = next(one for one in results["tests"] if one["status"] == "failed")
    assert "Error INT004: required file is missing (run.sh)" in failed["output"]
    assert "INT006" not in json.dumps(results)  # the folder's name is Gradescope's, not the student's


@pytest.mark.parametrize(
    "before",
    [
        "rm -r source/assignment",
        "echo '{' > source/settings.json",
        "echo 0.01 > source/limit_s",
        "printf '#!/bin/sh\\nkill -9 $$\\n' > /tmp/dead && chmod +x /tmp/dead && echo /tmp/dead > source/python",
    ],
    ids=["no assignment", "torn settings", "out of time", "killed"],
)
def test_a_fault_of_ours_is_no_zero(autograde: Autograde, submission: Path, before: str) -> None:
    results = autograde(submission, before=before)
    assert results["output"].startswith("Not graded: the grading machine had a fault. Your submission is not to blame")
    assert "score" not in results and results["tests"] == []
    valid({**results, "score": 0})


def test_no_private_data_is_in_the_zip(autograder: Path, root: Path) -> None:
    private = json.loads((root / ASSIGNMENT / "data" / "private.json").read_text())
    with zipfile.ZipFile(autograder / "a.zip") as content:
        names = content.namelist()
        assert not [one for one in names if "private" in one]
        assert {"setup.sh", "run_autograder", "assignment/assignment.yaml", "assignment/data/public.json"} <= {*names}
        text = b"".join(content.read(one) for one in names if not one.endswith(".whl"))
        assert all(one["output"].encode() not in text for one in private)
        assert content.getinfo("run_autograder").external_attr >> 16 & 0o111
        wheel = zipfile.ZipFile(io.BytesIO(content.read(next(one for one in names if "lora_harness" in one))))
        assert "harness/schemas/record.v1.json" in wheel.namelist()
