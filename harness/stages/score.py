"""Score: our warm worker, in a container without network or student code; references travel by its standard input."""

import json
import math
from dataclasses import asdict

from harness.errors import SandboxFault
from harness.files import write_json
from harness.language import message
from harness.model.finding import Finding, finding
from harness.model.result import ExampleScore, Score, StageResult
from harness.model.submission import Submission
from harness.scoring.definition import aggregate
from harness.scoring.protocol import Failure, PromptedExample, Ready, Result, example_to_json
from harness.stages.context import Context, Workspace
from harness.stages.outcome import Clock, done
from harness.stages.program import tail
from harness.stages.scorer import ADAPTER, BASE
from harness.text import visible

CODES = {"adapter": "SCO001", "example": "SCO003"}


def score(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Score base model and adapter on the same prompts and keep every example's figures as evidence.

    Raises:
        EnvironmentFault: The base model cannot be loaded, or no worker can be started.
        SandboxFault: The worker died twice or said something that is no answer.
    """
    clock = Clock()
    budget_s = context.assignment.stages.score.timeout_s
    assert context.scorer is not None
    try:
        scored = context.scorer.score(workspace.adapter, _prompted(context, workspace))
    except SandboxFault as fault:
        raise SandboxFault(f"{fault}\n{tail(context.scorer.log)}", remedy=fault.remedy) from fault
    for outcome in (scored.base, scored.adapter):
        if isinstance(outcome, Failure):
            return done("score", clock, [_refused(outcome)], summary=message("not scored"), budget_s=budget_s)
    examples = {
        name: one.examples for name, one in ((BASE, scored.base), (ADAPTER, scored.adapter)) if isinstance(one, Result)
    }
    total = _total(context, examples)
    findings = [] if _finite(total) else [_not_finite(examples[ADAPTER])]
    _keep(workspace, examples, total if not findings else None, scored.ready)
    return done(
        "score",
        clock,
        findings,
        summary=message(
            "perplexity {adapter:.3f}, base {base:.3f}", adapter=total.perplexity, base=total.base_perplexity
        ),
        budget_s=budget_s,
    )


def read_score(workspace: Workspace) -> Score | None:
    """Give the aggregates out of the evidence, or None where nothing was scored."""
    if not workspace.score.is_file():
        return None
    kept = json.loads(workspace.score.read_text(encoding="utf-8"))["score"]
    return Score(**kept) if kept else None


def _prompted(context: Context, workspace: Workspace) -> tuple[PromptedExample, ...]:
    prompts = {row["id"]: row["prompt"] for row in json.loads(workspace.prompts.read_text(encoding="utf-8"))}
    return tuple(
        PromptedExample(id=example.id, prompt=prompts[example.id], output=example.output)
        for example in context.examples
    )


def _refused(failure: Failure) -> Finding:
    """Give the finding; a failure of another kind is ours, never the student's."""
    if failure.kind not in CODES:
        raise SandboxFault(f"The scoring worker failed: {failure.message}", remedy="See its log in the run folder.")
    return finding(CODES[failure.kind], failure.message)


def _total(context: Context, scored: dict[str, tuple[ExampleScore, ...]]) -> Score:
    characters = sum(len(example.output) for example in context.examples)
    base = aggregate(scored[BASE], characters=characters)
    return aggregate(scored[ADAPTER], characters=characters, base_perplexity=base.perplexity)


def _finite(total: Score) -> bool:
    return all(math.isfinite(value) for value in asdict(total).values())


def _not_finite(examples: tuple[ExampleScore, ...]) -> Finding:
    bad = [one.id for one in examples if not math.isfinite(one.perplexity)]
    first = tuple(visible(one) for one in bad[:3])
    return finding(
        "SCO002",
        message("{count} of {total} examples, first: {ids}", count=len(bad), total=len(examples), ids=first),
    )


def _keep(
    workspace: Workspace, scored: dict[str, tuple[ExampleScore, ...]], total: Score | None, worker: Ready
) -> None:
    """Keep what the grade is made from, and what it was measured with: device, type, packages, the base's SHA-256s."""
    examples = {name: [example_to_json(one) for one in rows] for name, rows in scored.items()}
    base = {"weights": worker.base.weights, "files": dict(worker.base.files)}
    versions = dict(worker.versions)
    measured_with = {"device": worker.device, "dtype": worker.dtype, "versions": versions, "base": base}
    write_json(workspace.score, {"score": asdict(total) if total else None, "worker": measured_with, **examples})
