"""A run as JUnit XML."""

from xml.etree import ElementTree

from harness.language import language
from harness.model.result import Record
from harness.report.exports.junit import junit_xml
from tests.unit.report.exports.conftest import SECRET


def test_golden_and_counts(small_class: tuple[Record, ...], golden) -> None:
    text = junit_xml(small_class, language("en"))
    golden("junit.xml", text)
    suites = ElementTree.fromstring(text)
    assert {key: suites.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": str(len(list(suites.iter("testcase")))),
        "failures": str(len(list(suites.iter("failure")))),
        "errors": str(len(list(suites.iter("error")))),
        "skipped": str(len(list(suites.iter("skipped")))),
    }
    assert (suites.get("failures"), suites.get("errors"), suites.get("skipped")) == ("1", "1", "1")
    failure = next(suites.iter("failure"))
    assert "<script>alert(1)</script>" in (failure.text or "")
    assert SECRET not in text


def test_characters_that_xml_forbids_do_no_harm(make) -> None:
    text = junit_xml([make("a\ufffe\x01b")], language("en"))
    assert ElementTree.fromstring(text)[0].get("name") == "a\ufffd\ufffdb"
