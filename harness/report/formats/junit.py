"""A record as JUnit XML, which continuous integration shows as tests: a test case a stage.

Errors of a stage make it a failure, faults of ours an error, what was not looked at is skipped. The form is what
Jenkins, GitLab and their kin read.
"""

from xml.etree import ElementTree as ET

from harness.language import Language
from harness.model.finding import Finding, Severity
from harness.model.result import Fault, Record, StageResult, StageStatus
from harness.model.status_words import SEVERITY_WORDS
from harness.report.formats.places import clean, file_of, words_of


def junit(record: Record, *, t: Language, prefix: str = "") -> str:
    """Write one suite with a case for each stage."""
    counts = {
        "tests": len(record.stages),
        "failures": sum(one.status is StageStatus.FAILED for one in record.stages),
        "errors": sum(one.status is StageStatus.FAULT for one in record.stages),
    }
    skipped = sum(one.status is StageStatus.SKIPPED for one in record.stages)
    shared = {key: str(value) for key, value in counts.items()}
    shared["time"] = f"{sum(one.duration_s for one in record.stages):.3f}"
    root = ET.Element("testsuites", {"name": "harness", **shared})
    name = clean(f"{record.assignment.name} {record.submission.id}")
    times = {"timestamp": record.graded_at.partition("+")[0]}
    suite = ET.SubElement(root, "testsuite", {"name": name, **shared, "skipped": str(skipped), **times})
    for stage in record.stages:
        _case(suite, stage, record, t=t, prefix=prefix)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


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
    elif errors:
        summary = f"{errors[0].code} {t.of(errors[0].title)}"
        kind = ",".join(dict.fromkeys(one.code for one in errors))
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
