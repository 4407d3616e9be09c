"""One submission through all stages, to its record. A stage runs when the stages it needs have passed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from harness import __version__
from harness.batch.store import RunStore, evidence_of
from harness.errors import EnvironmentFault, HarnessError
from harness.files import write_json
from harness.model.finding import has_error
from harness.model.result import AssignmentRef, Fault, Outcome, Record, StageResult, StageStatus, SubmissionRef
from harness.model.submission import Submission
from harness.stages.admit import admit
from harness.stages.compare import compare, read_text
from harness.stages.context import Context, Workspace
from harness.stages.fetch import fetch
from harness.stages.intake import intake
from harness.stages.render import render
from harness.stages.run import run
from harness.stages.score import read_score, score
from harness.stages.validate import validate
from harness.stages.verdict import verdict
from harness.text import visible

Stage = Callable[[Context, Submission, Workspace], StageResult]


@dataclass(frozen=True, slots=True)
class Step:
    """A stage and the stages that must have passed before it."""

    stage: Stage
    needs: tuple[str, ...] = ()


STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "intake": Step(intake),
        "fetch": Step(fetch, ("intake",)),
        "admit": Step(admit, ("fetch",)),
        "render": Step(render, ("fetch",)),
        "run": Step(run, ("admit",)),
        "validate": Step(validate, ("run",)),
        "score": Step(score, ("admit", "render")),
        "compare": Step(compare, ("validate",)),
    }
)


class Watcher(Protocol):
    """Is told when a stage starts and ends."""

    def started(self, stage: str, budget_s: float | None) -> None:
        """Note that a stage starts, with its time budget if it has one."""
        ...

    def ended(self, result: StageResult) -> None:
        """Note that a stage ended (or was skipped)."""
        ...


def grade_one(
    context: Context,
    submission: Submission,
    store: RunStore,
    *,
    assignment: AssignmentRef,
    watcher: Watcher,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Record:
    """Grade one submission and write its record.

    A fault of ours or the machine's becomes a record that says *not graded* and why.

    Raises:
        ConfigError: The run folder holds a record of it already or cannot be written.
    """
    workspace = store.open(submission.id)
    try:
        stages, fault = _stages(context, submission, workspace, watcher)
        final = None if fault else verdict(context, submission, stages, read_score(workspace))
        record = Record(
            harness_version=__version__,
            graded_at=now().isoformat(timespec="seconds"),
            outcome=_outcome(stages, fault),
            sandbox=context.sandbox.name,
            isolated=context.sandbox.isolates,
            image_id=context.sandbox.image_id,
            assignment=assignment,
            submission=_reference(submission, workspace),
            stages=tuple(stages.values()),
            score=None if fault else read_score(workspace),
            text=None if fault else read_text(workspace),
            verdict=final,
            fault=fault,
            evidence=evidence_of(workspace),
        )
        store.write(record)
        return record
    finally:
        store.close(workspace)


def _stages(
    context: Context, submission: Submission, workspace: Workspace, watcher: Watcher
) -> tuple[dict[str, StageResult], Fault | None]:
    _write_input(context, workspace)
    results: dict[str, StageResult] = {}
    for name, step in STEPS.items():
        blockers = [need for need in step.needs if results[need].status is not StageStatus.PASSED]
        if blockers:
            result = _without_work(name, StageStatus.SKIPPED, f"needs {', '.join(blockers)}")
        else:
            watcher.started(name, _budget(context, name))
            try:
                result = step.stage(context, submission, workspace)
            except (HarnessError, OSError) as error:
                fault = _fault(name, error)
                results[name] = _without_work(name, StageStatus.FAULT, "not the submission's fault")
                watcher.ended(results[name])
                return results, fault
        results[name] = result
        watcher.ended(result)
    return results, None


def _fault(stage: str, error: HarnessError | OSError) -> Fault:
    if isinstance(error, HarnessError):
        return Fault(kind=error.kind, message=str(error), remedy=error.remedy)
    what = f"The system refused in stage {stage}: {error.strerror or error}."
    return Fault(
        kind=EnvironmentFault.__name__,
        message=what,
        remedy="Check disk and permissions of the run folder, then grade again.",
    )


def _write_input(context: Context, workspace: Workspace) -> None:
    rows = [{"id": example.id, "instruction": example.instruction} for example in context.examples]
    write_json(workspace.input / "input.json", rows)


def _without_work(name: str, status: StageStatus, summary: str) -> StageResult:
    return StageResult(stage=name, status=status, summary=summary, duration_s=0.0)


def _budget(context: Context, stage: str) -> float | None:
    limits = getattr(context.assignment.stages, stage, None)
    return limits.timeout_s if limits else None


def _outcome(stages: Mapping[str, StageResult], fault: Fault | None) -> Outcome:
    if fault:
        return Outcome.NOT_GRADED
    return Outcome.FAILED if any(has_error(stage.findings) for stage in stages.values()) else Outcome.PASSED


def _reference(submission: Submission, workspace: Workspace) -> SubmissionRef:
    return SubmissionRef(
        id=submission.id,
        source=visible(submission.source.name),
        tree_sha256=_digest(workspace.tree_digest),
        adapter_sha256=_digest(workspace.adapter_digest),
    )


def _digest(path: Path) -> str | None:
    return path.read_text(encoding="ascii").strip() if path.is_file() else None
