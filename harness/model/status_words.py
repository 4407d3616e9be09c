"""How the ends of records, stages and programs, and weights, are called. Knows no language: these are messages."""

from collections.abc import Mapping
from types import MappingProxyType

from harness.language import Message, message
from harness.model.finding import Severity
from harness.model.result import Outcome, Record, StageStatus

STATUS_WORDS: Mapping[StageStatus, Message] = MappingProxyType(
    {
        StageStatus.PASSED: message("passed"),
        StageStatus.FAILED: message("failed"),
        StageStatus.SKIPPED: message("skipped"),
        StageStatus.FAULT: message("our fault"),
    }
)
OUTCOME_WORDS: Mapping[Outcome, Message] = MappingProxyType(
    {
        Outcome.PASSED: message("passed"),
        Outcome.FAILED: message("errors found"),
        Outcome.NOT_GRADED: message("not graded (the submission is not to blame)"),
    }
)
SEVERITY_WORDS: Mapping[str, Message] = MappingProxyType(
    {Severity.ERROR: message("error"), Severity.WARNING: message("warning"), Severity.INFO: message("info")}
)
CAUSE_WORDS: Mapping[str, Message] = MappingProxyType(
    {
        "exited": message("by itself"),
        "signaled": message("signal"),
        "out_of_memory": message("memory limit"),
        "deadline": message("time limit"),
        "output_cap": message("output limit"),
        "disk_cap": message("disk limit"),
        "pids_cap": message("process limit"),
        "out_of_vram": message("GPU memory limit"),
    }
)


def ended(record: Record) -> Message:
    """Say how a record ended; a check that ran nothing never says that the submission passed."""
    if record.quick and record.outcome is Outcome.PASSED:
        return message("nothing wrong in what was looked at")
    return OUTCOME_WORDS[record.outcome]
