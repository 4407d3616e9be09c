"""Score: our worker in a container without network or student code; references travel on its standard input only."""

import json
import math
from dataclasses import asdict
from pathlib import Path

from harness.errors import SandboxFault
from harness.files import write_json
from harness.model.finding import Finding, finding
from harness.model.result import ExampleScore, Score, StageResult
from harness.model.submission import Submission
from harness.sandbox.cause import Cause
from harness.sandbox.interface import Ended, Job, Mount
from harness.scoring.client import converse, encode_requests, worker_command
from harness.scoring.definition import aggregate
from harness.scoring.protocol import Failure, PromptedExample, Request, Result, example_to_json
from harness.stages.context import Context, Workspace
from harness.stages.outcome import Clock, done
from harness.stages.program import limits_of, receipt_of, tail
from harness.text import visible

BASE, ADAPTER = "base", "adapter"
CODES = {"adapter": "SCO001", "example": "SCO003"}


def score(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Score base model and adapter on the same prompts and keep every example's figures as evidence.

    Raises:
        EnvironmentFault: The base model cannot be loaded.
        SandboxFault: The worker died or said something that is no answer.
    """
    clock = Clock()
    rules = context.assignment.stages.score
    adapter = Mount(source=workspace.adapter, target="/adapter")
    requests = _requests(context, workspace, context.sandbox.path(adapter))
    job = _job(context, workspace, adapter, encode_requests(requests))
    ended = context.sandbox.run(job)
    outcomes = _outcomes(requests, job, ended)
    receipt = receipt_of(ended, context.sandbox)
    failure = next((one for one in outcomes.values() if isinstance(one, Failure)), None)
    if failure:
        findings = [_refused(failure)]
        return done("score", clock, findings, summary="not scored", budget_s=rules.timeout_s, receipt=receipt)
    scored = {name: one.examples for name, one in outcomes.items() if isinstance(one, Result)}
    total = _total(context, scored)
    findings = [] if _finite(total) else [_not_finite(scored[ADAPTER])]
    _keep(workspace, scored, total if not findings else None)
    return done(
        "score",
        clock,
        findings,
        summary=f"perplexity {total.perplexity:.3f}, base {total.base_perplexity:.3f}",
        budget_s=rules.timeout_s,
        receipt=receipt,
    )


def read_score(workspace: Workspace) -> Score | None:
    """Give the aggregates out of the evidence, or None where nothing was scored."""
    if not workspace.score.is_file():
        return None
    kept = json.loads(workspace.score.read_text(encoding="utf-8"))["score"]
    return Score(**kept) if kept else None


def _requests(context: Context, workspace: Workspace, adapter: str) -> list[Request]:
    prompts = {row["id"]: row["prompt"] for row in json.loads(workspace.prompts.read_text(encoding="utf-8"))}
    examples = tuple(
        PromptedExample(id=example.id, prompt=prompts[example.id], output=example.output)
        for example in context.examples
    )
    return [
        Request(id=BASE, adapter=None, examples=examples),
        Request(id=ADAPTER, adapter=adapter, examples=examples),
    ]


def _job(context: Context, workspace: Workspace, adapter: Mount, stdin: bytes) -> Job:
    sandbox, rules = context.sandbox, context.assignment
    base = Mount(source=context.base_path, target=f"/models/{context.base.name}")
    package = Mount(source=context.harness_package, target="/opt/harness/harness")
    command = worker_command(
        "python3",
        sandbox.path(base),
        quantization=rules.scoring.quantization,
        device="auto",
        dtype="auto",
        max_tokens=rules.scoring.max_tokens,
    )
    return Job(
        name="score",
        argv=command,
        mounts=(base, package, adapter),
        workdir=adapter,
        limits=limits_of(rules.stages.score),
        log_dir=workspace.logs,
        environment={"PYTHONPATH": str(Path(sandbox.path(package)).parent), "HF_HUB_OFFLINE": "1"},
        stdin=stdin,
    )


def _outcomes(requests: list[Request], job: Job, ended: Ended) -> dict[str, Result | Failure]:
    """Read the worker's answers; a bad end or an internal failure is ours, never the student's."""
    with job.stdout_path.open(encoding="utf-8") as lines:
        answers = converse(requests, lines)
    broken = [one.message for one in answers.outcomes.values() if isinstance(one, Failure) and one.kind not in CODES]
    if ended.cause is not Cause.EXITED or ended.exit_code != 0 or answers.unanswered or broken:
        raise SandboxFault(
            f"The scoring worker ended with {ended.cause}, exit code {ended.exit_code}. {' '.join(broken)}\n"
            + tail(job.stderr_path),
            remedy=f"Raise the limits of stages.score if it ran out of them; the log is {job.stderr_path.name}.",
        )
    return dict(answers.outcomes)


def _refused(failure: Failure) -> Finding:
    return finding(CODES[failure.kind], visible(failure.message))


def _total(context: Context, scored: dict[str, tuple[ExampleScore, ...]]) -> Score:
    characters = sum(len(example.output) for example in context.examples)
    base = aggregate(scored[BASE], characters=characters)
    return aggregate(scored[ADAPTER], characters=characters, base_perplexity=base.perplexity)


def _finite(total: Score) -> bool:
    return all(math.isfinite(value) for value in asdict(total).values())


def _not_finite(examples: tuple[ExampleScore, ...]) -> Finding:
    bad = [one.id for one in examples if not math.isfinite(one.perplexity)]
    return finding("SCO002", f"{len(bad)} of {len(examples)} examples, first: {visible(', '.join(bad[:3]))}")


def _keep(workspace: Workspace, scored: dict[str, tuple[ExampleScore, ...]], total: Score | None) -> None:
    examples = {name: [example_to_json(one) for one in rows] for name, rows in scored.items()}
    write_json(workspace.score, {"score": asdict(total) if total else None, **examples})
