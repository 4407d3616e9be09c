"""A run as JUnit XML."""

from xml.etree import ElementTree

from lxml import etree

from harness.language import language
from harness.model.result import Record
from harness.report.exports.junit import junit_xml
from tests.unit.report.exports.conftest import SECRET
from tests.unit.report.formats.test_junit import SCHEMA


def test_golden_and_counts(small_class: tuple[Record, ...], golden) -> None:
    text = junit_xml(small_class, language("en"))
    golden("junit.xml", text)
    suites = ElementTree.fromstring(text)
    SCHEMA.assertValid(etree.fromstring(text.encode()))
    assert {key: _sum(suites, key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": str(len(list(suites.iter("testcase")))),
        "failures": str(len(list(suites.iter("failure")))),
        "errors": str(len(list(suites.iter("error")))),
        "skipped": str(len(list(suites.iter("skipped")))),
    }
    assert (suites.get("failures"), suites.get("errors"), _sum(suites, "skipped")) == ("1", "1", "1")
    failure = next(suites.iter("failure"))
    assert "<script>alert(1)</script>" in (failure.text or "")
    assert SECRET not in text


def _sum(suites: ElementTree.Element, key: str) -> str:
    return str(sum(int(one.get(key, "0")) for one in suites))


def test_characters_that_xml_forbids_do_no_harm(make) -> None:
    text = junit_xml([make("a\ufffe\x01b")], language("en"))
    assert ElementTree.fromstring(text)[0].get("name") == "homework a\\ufffe\\x01b"
