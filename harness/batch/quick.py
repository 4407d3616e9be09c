"""A quick check: the pipeline with the stages that run no program. Keeps nothing and starts nothing.

What it looks at, the stages that grade look at, in the same way; what it leaves out, its record says.
"""

import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.batch.handed_in import submission_at
from harness.batch.lanes import Lane, Lanes, Place
from harness.batch.machine import PACKAGE, known_packages
from harness.batch.pipeline import STEPS, Pipeline, Stage, Step
from harness.batch.plan import find_base, reference_of
from harness.batch.store import RunStore
from harness.errors import ConfigError
from harness.intake.adapter.base import read_base_shapes
from harness.model.assignment import Assignment
from harness.model.result import NO_BASE, Record, StageResult
from harness.model.submission import Submission
from harness.sandbox.nothing import NothingRuns
from harness.schema.assignment import load_assignment, load_examples
from harness.stages.context import Context, Workspace
from harness.stages.given import Given, left_out


@dataclass(frozen=True, slots=True, kw_only=True)
class QuicklyChecked:
    """The record of a quick check, the submission, and the assignment that it was checked for."""

    record: Record
    submission: Submission
    assignment: Assignment


def check_quickly(
    source: Path,
    *,
    assignment_path: Path,
    base_path: Path | None,
    image_lock: Path,
    given: Given,
    student_id: str | None = None,
) -> QuicklyChecked:
    """Look at a submission on the public data without running anything of it.

    Args:
        source: The submission, as `grade` takes it.
        assignment_path: assignment.yaml, or the folder that holds it.
        base_path: Folder of the base model, or None: then shapes are not compared.
        image_lock: Lock of the image; where there is none, versions of packages are not known.
        given: An adapter and predictions that lie elsewhere.
        student_id: Whose it is, where the name does not tell.

    Raises:
        ConfigError: A path or the assignment is wrong.
        EnvironmentFault: There is no base model where one was named.
    """
    _refuse_missing(given)
    loaded = load_assignment(assignment_path)
    assignment = loaded.assignment
    submission = submission_at(source, assignment, student_id=student_id, checked=True)
    # Without a base model the first one stands for it where a stage has to know one, and the record names none.
    base = find_base(assignment, base_path) if base_path else assignment.base_models[0]
    reference = reference_of(loaded, base, "public")
    with tempfile.TemporaryDirectory(prefix="harness-check-") as folder:
        nothing = NothingRuns()
        context = Context(
            assignment=assignment,
            base=base,
            base_path=base_path,
            base_shapes=read_base_shapes(base_path) if base_path else None,
            examples=load_examples(loaded.folder / assignment.data.public),
            split="public",
            sandbox=nothing,
            harness_package=PACKAGE,
            packages=known_packages(image_lock) if image_lock.is_file() else {},
            sketches=False,
        )
        pipeline = Pipeline(
            context=context,
            lanes=Lanes([Place(lanes=frozenset(Lane), sandbox=nothing)]),
            store=RunStore(Path(folder)),
            assignment=reference if base_path else replace(reference, base_model=NO_BASE),
            on_event=lambda event: None,
            steps=_steps(given),
            whole=False,
        )
        return QuicklyChecked(record=pipeline.grade(submission), submission=submission, assignment=assignment)


def _steps(given: Given) -> dict[str, Step]:
    """Give a step for each stage; none waits for another, so that all that is wrong is said at once."""
    looked_at: dict[str, Stage] = {
        "intake": STEPS["intake"].stage,
        "admit": given.admit,
        "validate": given.validate,
    }
    return {name: Step(looked_at.get(name, partial(_left_out, name)), Lane.CPU) for name in STEPS}


def _left_out(stage: str, context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    return left_out(stage)


def _refuse_missing(given: Given) -> None:
    if given.adapter is not None and not given.adapter.is_dir():
        raise ConfigError(
            f"There is no folder {given.adapter}.", remedy="Give with --adapter the folder that holds the adapter."
        )
    if given.predictions is not None and not given.predictions.is_file():
        raise ConfigError(
            f"There is no file {given.predictions}.", remedy="Give with --predictions the file that run.sh wrote."
        )
