"""What a stage is given: the first assignment on processes of this machine, and empty folders."""

from pathlib import Path

import pytest

import harness
from harness.intake.adapter.base import BaseShapes
from harness.sandbox.process import ProcessSandbox
from harness.schema.assignment import load_assignment
from harness.stages.context import Context, Workspace


@pytest.fixture
def context(tmp_path: Path, root: Path) -> Context:
    """A context without examples; its base model is an empty folder."""
    assignment = load_assignment(root / "assignments" / "classical-chinese").assignment
    return Context(
        assignment=assignment,
        base=assignment.base_models[0],
        base_path=tmp_path,
        base_shapes=BaseShapes(modules={}),
        examples=(),
        split="public",
        sandbox=ProcessSandbox(),
        harness_package=Path(harness.__file__).parent,
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The folders of a submission, made."""
    made = Workspace(scratch=tmp_path / "scratch", kept=tmp_path / "kept", adapter=tmp_path / "adapter")
    made.make()
    return made
