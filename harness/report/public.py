"""A record as its student may see it. The one place that says what of a record is for the staff alone."""

from dataclasses import replace

from harness.language import message
from harness.model.finding import Finding
from harness.model.result import Fault, Record, StageResult, SubmissionRef

OUR_FAULT = message("Grading was not finished. The submission is not to blame, and nothing was taken off for it.")
WHAT_TO_DO = message("Nothing needs to be done: the course staff grade it again.")


def public_record(record: Record) -> Record:
    """Give the record without staff details, reasons of extensions, words of the machine, and names of its GPUs."""
    return replace(
        record,
        submission=_submission(record.submission),
        stages=tuple(map(_stage, record.stages)),
        fault=Fault(kind="", message=OUR_FAULT, remedy=WHAT_TO_DO) if record.fault else None,
    )


def public_logs(record: Record) -> tuple[str, ...]:
    """Give the paths of the logs that a student may see.

    download.sh sees no test data. Whatever reads the input may print it, and so is public only where the input is.
    Without isolation a program can read all of the machine, so nothing that it prints is public. Logs of our own
    programs name addresses and paths of the machine.
    """
    if not record.isolated:
        return ()
    stages = ("fetch", "render", "run") if record.assignment.split == "public" else ("fetch",)
    allowed = {f"logs/{stage}.{stream}.log" for stage in stages for stream in ("stdout", "stderr")}
    return tuple(one.path for one in record.evidence if one.path in allowed)


def _submission(reference: SubmissionRef) -> SubmissionRef:
    extension = reference.extension
    return replace(reference, extension=replace(extension, reason="") if extension else None)


def _stage(stage: StageResult) -> StageResult:
    receipt = replace(stage.receipt, gpu_uuid=None) if stage.receipt else None
    return replace(stage, findings=tuple(map(_finding, stage.findings)), receipt=receipt)


def _finding(found: Finding) -> Finding:
    return replace(found, staff_detail=None)
