"""Findings by severity, the worst first, and its colours. Must not know how one finding is shown."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from harness.language import Message, message
from harness.model.finding import Finding, Severity

COLOURS: Mapping[str, str] = MappingProxyType(
    {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
)


def by_severity(findings: Iterable[Finding]) -> tuple[tuple[Severity, tuple[Finding, ...]], ...]:
    """Group the findings, errors first; within a group they keep their order."""
    every = tuple(findings)
    groups = ((severity, tuple(one for one in every if one.severity is severity)) for severity in Severity)
    return tuple((severity, group) for severity, group in groups if group)


def errors_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Give the findings in the order of their groups."""
    return tuple(one for _, group in by_severity(findings) for one in group)


def group_heading(severity: Severity, count: int) -> Message:
    """Say what a group is, such as "Errors (2)"."""
    match severity:
        case Severity.ERROR:
            return message("Errors ({count})", count=count)
        case Severity.WARNING:
            return message("Warnings ({count})", count=count)
        case Severity.INFO:
            return message("Notes ({count})", count=count)
