"""Findings by severity, the worst first. Must not know how one finding is shown."""

from collections.abc import Iterable

from harness.language import Message, message
from harness.model.finding import Finding, Severity


def by_severity(findings: Iterable[Finding]) -> tuple[tuple[Severity, tuple[Finding, ...]], ...]:
    """Group the findings, errors first; within a group they keep their order."""
    every = tuple(findings)
    groups = ((severity, tuple(one for one in every if one.severity is severity)) for severity in Severity)
    return tuple((severity, group) for severity, group in groups if group)


def group_heading(severity: Severity, count: int) -> Message:
    """Say what a group is, such as "Errors (2)"."""
    match severity:
        case Severity.ERROR:
            return message("Errors ({count})", count=count)
        case Severity.WARNING:
            return message("Warnings ({count})", count=count)
        case Severity.INFO:
            return message("Notes ({count})", count=count)
