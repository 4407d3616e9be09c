"""How the ends of stages and the weights of findings are called. Knows no language: these are messages."""

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
