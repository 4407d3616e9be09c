"""One submission through all stages, to its record. A stage runs when the stages it needs have passed."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType

from harness import __version__
from harness.batch.lanes import Lane, Lanes
from harness.batch.store import RunStore, evidence_of
from harness.errors import Cancelled, EnvironmentFault, HarnessError
from harness.files import write_json
from harness.language import message
from harness.model.event import OnEvent, StageEnded, StageStarted, Waiting
from harness.model.finding import has_error
from harness.model.result import AssignmentRef, Fault, Outcome, Record, StageResult, StageStatus, SubmissionRef
from harness.model.submission import Submission
from harness.stages.admit import admit
from harness.stages.compare import compare, read_text
from harness.stages.context import Context, Workspace
from harness.stages.fetch import fetch
from harness.stages.intake import intake
from harness.stages.outcome import without_work
from harness.stages.parity import with_parity, write_receipt
from harness.stages.render import render
from harness.stages.run import run
from harness.stages.score import read_score, score
from harness.stages.validate import validate
from harness.stages.verdict import verdict
from harness.text import visible

BUG = "Bug"
Stage = Callable[[Context, Submission, Workspace], StageResult]


@dataclass(frozen=True, slots=True)
class Step:
    """A stage, the lane that it works in, and the stages that must have passed before it."""

    stage: Stage
    lane: Lane
    needs: tuple[str, ...] = ()


STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "intake": Step(intake, Lane.CPU),
        "fetch": Step(fetch, Lane.FETCH, ("intake",)),
        "admit": Step(admit, Lane.CPU, ("fetch",)),
        "render": Step(render, Lane.CPU, ("fetch",)),
        "run": Step(run, Lane.RUN, ("admit",)),
        "validate": Step(validate, Lane.CPU, ("run",)),
        "score": Step(score, Lane.SCORE, ("admit", "render")),
        "compare": Step(compare, Lane.CPU, ("validate",)),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What grades the submissions of a run, one after another or several at a time from as many threads.

    Attributes:
        context: What holds for all of them; its sandbox gives way to that of the place where a stage works.
        lanes: Who may work now.
        store: Where records go.
        assignment: What records say of the assignment.
        on_event: Is told what happens; may be called from several threads.
        steps: The stages; a quick check has others for those that it does not look at.
        whole: Whether they are all looked at: else there are no points and no receipt.
        now: Gives the time for records.
    """

    context: Context
    lanes: Lanes
    store: RunStore
    assignment: AssignmentRef
    on_event: OnEvent
    steps: Mapping[str, Step] = field(default_factory=lambda: STEPS)
    whole: bool = True
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def grade(self, submission: Submission, order: int = 0) -> Record:
        """Grade one submission and write its record.

        A fault of ours or the machine's becomes a record that says *not graded* and why.

        Args:
            submission: What to grade.
            order: Its position: of those that wait for a place, the lowest comes first.

        Raises:
            Cancelled: The run was ended; there is no record.
            OSError: The run folder cannot be written.
        """
        workspace = self.store.open(submission.id)
        try:
            stages, fault = self._stages(submission, workspace, order)
            record = with_parity(self._record(submission, workspace, stages, fault), workspace)
            if self.whole:
                write_receipt(record, workspace, packages=self.context.packages)
            self.store.write(record)
        finally:
            self.store.close(workspace)
        return record

    def _stages(
        self, submission: Submission, workspace: Workspace, order: int
    ) -> tuple[dict[str, StageResult], Fault | None]:
        _write_input(self.context, workspace)
        results: dict[str, StageResult] = {}
        fault = None
        for name, step in self.steps.items():
            blockers = [need for need in step.needs if results[need].status is not StageStatus.PASSED]
            if blockers:
                summary = message("needs {stages}", stages=tuple(blockers))
                results[name] = without_work(name, StageStatus.SKIPPED, summary)
            else:
                try:
                    results[name] = self._work(name, submission, workspace, order)
                except Cancelled:
                    raise
                except Exception as error:
                    if self.lanes.cancelled:
                        raise Cancelled from error  # it ended because all was ended
                    fault = fault_of(name, error)
                    if fault.kind == BUG:
                        (workspace.logs / "bug.txt").write_text(traceback.format_exc(), encoding="utf-8")
                    results[name] = without_work(name, StageStatus.FAULT, message("not the submission's fault"))
            self.on_event(StageEnded(submission=submission.id, result=results[name]))
            if fault:
                break
        return results, fault

    def _work(self, name: str, submission: Submission, workspace: Workspace, order: int) -> StageResult:
        step = self.steps[name]
        limits = getattr(self.context.assignment.stages, name, None)
        started = StageStarted(submission=submission.id, stage=name, budget_s=limits.timeout_s if limits else None)
        self.on_event(Waiting(submission=submission.id, stage=name, lane=step.lane))
        with self.lanes.take(step.lane, order=order) as place:
            self.on_event(started)
            # Between tries of a download its place is another's: who makes up faults of a host holds up nobody.
            retries = replace(self.context.retries, sleep=partial(self._aside, step.lane, order))
            context = replace(self.context, sandbox=place.sandbox, scorer=place.scorer, retries=retries)
            return step.stage(context, submission, workspace)

    def _aside(self, lane: Lane, order: int, seconds: float) -> None:
        self.lanes.aside(lane, order=order, wait=lambda: self.context.retries.sleep(seconds))

    def _record(
        self,
        submission: Submission,
        workspace: Workspace,
        stages: Mapping[str, StageResult],
        fault: Fault | None,
    ) -> Record:
        context = self.context
        score = None if fault else read_score(workspace)
        return Record(
            harness_version=__version__,
            graded_at=self.now().isoformat(timespec="seconds"),
            outcome=_outcome(stages, fault),
            sandbox=context.sandbox.name,
            isolated=context.sandbox.isolates,
            image_id=context.sandbox.image_id,
            assignment=self.assignment,
            submission=_reference(submission, workspace),
            stages=tuple(stages.values()),
            score=score,
            text=None if fault else read_text(workspace),
            verdict=None if fault or not self.whole else verdict(context, submission, stages, score),
            fault=fault,
            evidence=evidence_of(workspace),
        )


def fault_of(stage: str, error: Exception) -> Fault:
    """Put a fault of ours or the machine's into words; what nobody foresaw is a bug."""
    if isinstance(error, HarnessError):
        return Fault(kind=error.kind, message=str(error), remedy=error.remedy)
    if not isinstance(error, OSError):
        return Fault(
            kind=BUG,
            message=visible(f"A bug of the grader in stage {stage}: {type(error).__name__}: {error}.", 2_000),
            remedy="Report it with logs/bug.txt, which lies beside the record.",
        )
    what = f"The system refused in stage {stage}: {error.strerror or error}."
    return Fault(
        kind=EnvironmentFault.__name__,
        message=what,
        remedy="Check disk and permissions of the run folder, then grade again.",
    )


def _write_input(context: Context, workspace: Workspace) -> None:
    rows = [{"id": example.id, "instruction": example.instruction} for example in context.examples]
    write_json(workspace.input / "input.json", rows)


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
        submitted_at=submission.submitted_at.isoformat() if submission.submitted_at else None,
        extension=submission.extension,
    )


def _digest(path: Path) -> str | None:
    return path.read_text(encoding="ascii").strip() if path.is_file() else None
