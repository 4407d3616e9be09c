"""How the ends of stages and programs and the weights of findings are called. Knows no language: these are messages."""

from collections.abc import Mapping
from types import MappingProxyType

from harness.language import Message, message
from harness.model.finding import Severity
from harness.model.result import StageStatus

STATUS_WORDS: Mapping[StageStatus, Message] = MappingProxyType(
    {
        StageStatus.PASSED: message("passed"),
        StageStatus.FAILED: message("failed"),
        StageStatus.SKIPPED: message("skipped"),
        StageStatus.FAULT: message("our fault"),
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
