"""A folder with a good adapter."""

import json
from pathlib import Path

import pytest

from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.gate import WEIGHTS

from .adapter_folder import WriteWeights, config, tensors


@pytest.fixture
def folder(tmp_path: Path, write_weights: WriteWeights) -> Path:
    """A folder with a good adapter."""
    path = tmp_path / "adapter_checkpoint"
    path.mkdir()
    write_weights(path / WEIGHTS, tensors())
    (path / CONFIG).write_text(json.dumps(config()))
    (path / "README.md").write_text("# adapter")
    return path
