"""Puts submission/ and this folder on the path, as scripts find their neighbours, and gives the fixtures."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "submission")]

from loopback import SUBMISSION, Site, run_script, serve  # noqa: E402  # found by the line above


@pytest.fixture
def site() -> Iterator[Site]:
    """Give an HTTP site on loopback."""
    yield from serve()


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a random Qwen3 of two layers with a tokenizer of its own, and beside it a random `adapter`."""
    folder = tmp_path_factory.mktemp("models") / "Qwen3-test"
    script = HERE / "make_random_base.py"
    environment = os.environ | {"PYTHONPATH": str(SUBMISSION)}
    made = run_script(sys.executable, "-W", "ignore", script, folder, folder.parent / "adapter", env=environment)
    assert made.returncode == 0, made.stderr
    return folder
