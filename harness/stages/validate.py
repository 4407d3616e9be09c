"""Validate: the predictions against the schema, then against the input's ids. Runs nothing."""

from harness.language import message
from harness.model.result import StageResult
from harness.model.submission import Submission
from harness.stages.context import PREDICTIONS, Context, Workspace
from harness.stages.outcome import Clock, done
from harness.stages.predictions import check_predictions


def validate(context: Context, submission: Submission, workspace: Workspace, *, file: str = PREDICTIONS) -> StageResult:
    """Check form, ids and emptiness of the predictions; findings call them `file`."""
    clock = Clock()
    findings, count = check_predictions(
        workspace.predictions.read_bytes(),
        wanted=[example.id for example in context.examples],
        quote=context.split == "public",
        file=file,
    )
    summary = message("{count} of {total} predictions", count=count, total=len(context.examples))
    return done("validate", clock, findings, summary=message("not valid") if findings else summary)
