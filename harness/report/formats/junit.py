"""A record as JUnit XML, which continuous integration shows as tests: a test case a stage.

Errors of a stage make it a failure, faults of ours an error, what was not looked at is skipped. The form is what
Jenkins, GitLab and their kin read.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from harness.language import Language
from harness.model.finding import Finding, Severity
from harness.model.result import Fault, Record, StageResult, StageStatus
from harness.model.status_words import SEVERITY_WORDS
from harness.report.formats.places import clean, file_of, words_of

_COUNTS = ("tests", "failures", "errors", "skipped")


def junit(record: Record, *, t: Language, prefix: str = "") -> str:
    """Write one suite with a case for each stage."""
    return whole([suite_of(record, t=t, prefix=prefix)])


def whole(suites: Sequence[ET.Element]) -> str:
    """Write suites as one file, with their counts and times added up."""
    sums = {key: str(sum(int(one.get(key, "0")) for one in suites)) for key in _COUNTS[:-1]}
    time_s = sum(float(one.get("time", "0")) for one in suites)
    root = ET.Element("testsuites", {"name": "harness", **sums, "time": f"{time_s:.3f}"})
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def suite_of(record: Record, *, t: Language, prefix: str = "") -> ET.Element:
    """Make the suite of a record; a fault that no stage had is a case of its own."""
    suite = ET.Element("testsuite", {"name": clean(f"{record.assignment.name} {record.submission.id}")})
    for stage in record.stages:
        _case(suite, stage, record, t=t, prefix=prefix)
    if record.fault and not any(one.status is StageStatus.FAULT for one in record.stages):
        about = {"classname": clean(f"harness.{record.submission.id}"), "name": "grading", "time": "0.000"}
        _fault(ET.SubElement(suite, "testcase", about), record.fault, t)
    for key, tag in zip(_COUNTS, ("testcase", "failure", "error", "skipped"), strict=True):
        suite.set(key, str(len(list(suite.iter(tag)))))
    suite.set("time", f"{sum(one.duration_s for one in record.stages):.3f}")
    suite.set("timestamp", record.graded_at.partition("+")[0])
    return suite


def _case(suite: ET.Element, stage: StageResult, record: Record, *, t: Language, prefix: str) -> None:
    classname = clean(f"harness.{record.submission.id}")
    about = {"classname": classname, "name": stage.stage, "time": f"{stage.duration_s:.3f}"}
    case = ET.SubElement(suite, "testcase", about)
    errors = [one for one in stage.findings if one.severity is Severity.ERROR]
    others = [one for one in stage.findings if one.severity is not Severity.ERROR]
    if stage.status is StageStatus.SKIPPED:
        ET.SubElement(case, "skipped", {"message": clean(t.of(stage.summary))})
    elif stage.status is StageStatus.FAULT:
        _fault(case, record.fault, t)
    elif errors or stage.status is StageStatus.FAILED:
        summary = f"{errors[0].code} {t.of(errors[0].title)}" if errors else t.of(stage.summary)
        kind = ",".join(dict.fromkeys(one.code for one in errors)) or stage.status
        failure = ET.SubElement(case, "failure", {"message": clean(summary), "type": kind})
        failure.text = _listed(errors, t, prefix)
    if others:
        ET.SubElement(case, "system-out").text = _listed(others, t, prefix)


def _fault(case: ET.Element, fault: Fault | None, t: Language) -> None:
    assert fault is not None, "a stage with a fault has its words in the record"
    error = ET.SubElement(case, "error", {"message": clean(t.of(fault.message)), "type": clean(fault.kind)})
    error.text = clean(t.of(fault.remedy))


def _listed(findings: list[Finding], t: Language, prefix: str) -> str:
    return "\n\n".join(_words(one, t, prefix) for one in findings)


def _words(one: Finding, t: Language, prefix: str) -> str:
    file, where = file_of(one, prefix), one.where
    numbers = [str(number) for number in (where.line, where.column) if number] if where else []
    place = f" ({':'.join([file, *numbers])})" if file else ""
    return clean(f"{t.of(SEVERITY_WORDS[one.severity])} {one.code} {t.of(one.title)}{place}\n{words_of(one, t)}")
