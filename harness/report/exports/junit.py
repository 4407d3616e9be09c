"""A run as JUnit XML: a suite a submission, as a single record is written, with its points. Public content only."""

from collections.abc import Iterable
from dataclasses import replace
from xml.etree.ElementTree import Element, SubElement

from harness.language import Language
from harness.model.result import Fault, Record
from harness.report.exports.feedback import is_graded, not_graded_words
from harness.report.formats.junit import suite_of, whole


def junit_xml(records: Iterable[Record], t: Language) -> str:
    """Give `testsuites` for records: a failed stage is a failure, a fault of ours an error, a skipped one skipped."""
    return whole([_suite(record, t) for record in records])


def _suite(record: Record, t: Language) -> Element:
    fault = record.fault and Fault(kind="fault", message=not_graded_words(t), remedy="")
    suite = suite_of(replace(record, fault=fault), t=t)
    if record.verdict and is_graded(record):
        properties = Element("properties")
        for name, value in (("points", record.verdict.total), ("possible", record.verdict.possible)):
            SubElement(properties, "property", name=name, value=f"{value:g}")
        suite.insert(0, properties)
    return suite
