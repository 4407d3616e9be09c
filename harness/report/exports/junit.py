"""A run as JUnit XML: a suite a submission, a case a stage. Public content only."""

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.language import Language
from harness.model.result import Record, StageResult, StageStatus
from harness.report.exports.feedback import finding_lines, is_graded, not_graded_words

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(records: Iterable[Record], t: Language) -> str:
    """Give `testsuites` for records: a failed stage is a failure, a fault of ours an error, a skipped one skipped."""
    suites = Element("testsuites")
    for record in records:
        suites.append(_suite(record, t))
    for key in ("tests", "failures", "errors", "skipped"):
        suites.set(key, str(sum(int(one.get(key, "0")) for one in suites)))
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _suite(record: Record, t: Language) -> Element:
    counts = {status: sum(one.status is status for one in record.stages) for status in StageStatus}
    faulty = record.fault is not None and not counts[StageStatus.FAULT]
    suite = Element(
        "testsuite",
        name=_text(record.submission.id),
        timestamp=record.graded_at,
        tests=str(len(record.stages) + faulty),
        failures=str(counts[StageStatus.FAILED]),
        errors=str(counts[StageStatus.FAULT] + faulty),
        skipped=str(counts[StageStatus.SKIPPED]),
        time=f"{sum(one.duration_s for one in record.stages):.3f}",
    )
    if record.verdict and is_graded(record):
        properties = SubElement(suite, "properties")
        for name, value in (("points", record.verdict.total), ("possible", record.verdict.possible)):
            SubElement(properties, "property", name=name, value=f"{value:g}")
    for stage in record.stages:
        suite.append(_case(record, stage, t))
    if faulty:
        case = SubElement(suite, "testcase", classname=_text(record.submission.id), name="grading", time="0.000")
        SubElement(case, "error", message=not_graded_words(t))
    return suite


def _case(record: Record, stage: StageResult, t: Language) -> Element:
    case = Element("testcase", classname=_text(record.submission.id), name=stage.stage, time=f"{stage.duration_s:.3f}")
    told = "\n\n".join("\n".join(finding_lines(one, t)) for one in stage.findings)
    match stage.status:
        case StageStatus.FAILED:
            SubElement(case, "failure", message=_text(t.of(stage.summary))).text = _text(told)
        case StageStatus.FAULT:
            SubElement(case, "error", message=not_graded_words(t))
        case StageStatus.SKIPPED:
            SubElement(case, "skipped", message=_text(t.of(stage.summary)))
        case StageStatus.PASSED if told:
            SubElement(case, "system-out").text = _text(told)
    return case


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
