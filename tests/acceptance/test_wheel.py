"""The built wheel, in an empty environment, carries the schemas and the reference submission, and answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import __version__


@pytest.mark.slow
def test_wheel_carries_schemas_and_the_reference_submission(root: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(tmp_path), str(root)], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "-qq", "--disable-pip-version-check", "install", str(wheel)], check=True)
    harness = tmp_path / "venv" / "bin" / "harness"
    version = subprocess.run([harness, "--version"], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert version.stdout == f"harness, version {__version__}\n"
    names = subprocess.run([harness, "schema"], check=True, capture_output=True, text=True, cwd=tmp_path).stdout.split()
    on_disk = {path.stem for path in (root / "schemas").glob("*.json")}
    assert on_disk == set(names) & on_disk
    printed = subprocess.run([harness, "schema", "record.v1"], check=True, capture_output=True, text=True, cwd=tmp_path)
    made = subprocess.run([harness, "init", "r13921031"], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert made.stdout.startswith("Made r13921031: ")
    for name in ("run.sh", "download.sh", "submission/utils.py"):
        assert (tmp_path / "r13921031" / name).read_bytes() == (root / name).read_bytes()
    assert json.loads(printed.stdout) == json.loads((root / "schemas" / "record.v1.json").read_text(encoding="utf-8"))
