"""Compare: the predictions against the references, by our process in a container without network or student code.

Texts travel on its standard input only. Must not be decided on: the text metrics earn no points.
"""

import json
from dataclasses import asdict

from harness.errors import SandboxFault
from harness.files import NotPlain, read_untrusted, write_json
from harness.language import message
from harness.model.result import StageResult, TextMetrics
from harness.model.submission import Submission
from harness.sandbox.interface import Ended, Job
from harness.schema.document import load_json
from harness.scoring.text_protocol import Compared, TextRow, compare_command, decode_compared, encode_rows
from harness.stages.context import PREDICTIONS, Context, Workspace
from harness.stages.outcome import Clock, done
from harness.stages.program import ended_well, limits_of, own_job, receipt_of, tail

REMEDY = "Raise the limits of stages.score if it ran out of them; the log is compare.stderr.log."


def compare(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Take the text metrics of valid predictions and keep chrF++ of each example as evidence.

    Raises:
        EnvironmentFault: A package is missing where the process runs.
        SandboxFault: The process ended badly or said something that is no answer.
    """
    clock = Clock()
    rows = _rows(context, workspace)
    stdin = encode_rows(rows, bleu_tokenize=context.assignment.scoring.bleu_tokenize)
    job = own_job(
        context.sandbox,
        context.harness_package,
        name="compare",
        argv=compare_command("python3"),
        limits=limits_of(context.assignment.stages.score),
        log_dir=workspace.logs,
        stdin=stdin,
    )
    ended = context.sandbox.run(job)
    compared = _compared(job, ended, rows=len(rows))
    _keep(context, workspace, compared)
    return done(
        "compare",
        clock,
        (),
        summary=message("chrF++ {chrf:.2f}, BLEU {bleu:.2f}", chrf=compared.metrics.chrf, bleu=compared.metrics.bleu),
        budget_s=job.limits.timeout_s,
        receipt=receipt_of(ended, context.sandbox),
    )


def read_text(workspace: Workspace) -> TextMetrics | None:
    """Give the metrics out of the evidence, or None where nothing was compared."""
    if not workspace.compare.is_file():
        return None
    return TextMetrics(**json.loads(workspace.compare.read_text(encoding="utf-8"))["text"])


def _rows(context: Context, workspace: Workspace) -> list[TextRow]:
    """Pair each example with its prediction; `validate` has found each id once."""
    given = load_json(workspace.predictions.read_bytes(), PREDICTIONS).data
    predictions: dict[str, str] = {row["id"]: row["output"] for row in given}
    return [
        TextRow(instruction=one.instruction, reference=one.output, prediction=predictions[one.id])
        for one in context.examples
    ]


def _compared(job: Job, ended: Ended, *, rows: int) -> Compared:
    """Read the answer; no prediction can spoil it, so a bad end is ours."""
    answer, problem = None, ""
    try:
        content = read_untrusted(job.log_dir, job.stdout_path.name, max_bytes=job.limits.output_bytes)
        answer = decode_compared(content, rows=rows)
    except (NotPlain, ValueError) as error:
        problem = f" {error}."
    if answer is None or not ended_well(ended):
        how = f"The text metrics ended with {ended.cause}, exit code {ended.exit_code}.{problem}"
        raise SandboxFault(f"{how}\n{tail(job.stderr_path)}", remedy=REMEDY)
    return answer


def _keep(context: Context, workspace: Workspace, compared: Compared) -> None:
    examples = [{"id": example.id, "chrf": chrf} for example, chrf in zip(context.examples, compared.chrf, strict=True)]
    write_json(workspace.compare, {"text": asdict(compared.metrics), "examples": examples})
