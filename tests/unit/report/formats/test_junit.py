"""JUnit XML: valid by its form whatever a student wrote, and each stage a case."""

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from harness.language import Language
from harness.model.result import Record
from harness.report.formats.junit import junit

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("junit.xsd")))


def cases(record: Record, t: Language, prefix: str = "") -> dict[str, etree._Element]:
    root = etree.fromstring(junit(record, t=t, prefix=prefix).encode())
    SCHEMA.assertValid(root)
    return {str(case.get("name")): case for case in root.iter("testcase")}


def test_a_case_for_each_stage(mixed: Record, t: Language) -> None:
    found = cases(mixed, t)
    assert list(found) == ["intake", "run", "validate"]
    assert found["intake"].find("failure") is None, "warnings and notes fail nothing"
    assert (found["intake"].findtext("system-out") or "").startswith("warning INT006 student id not found\nno id\n")
    failure = found["run"].find("failure")
    assert failure is not None
    assert dict(failure.attrib) == {"message": "RUN003 run.sh ended with an error", "type": "RUN003"}
    assert (failure.text or "").splitlines()[:3] == [
        "error RUN003 run.sh ended with an error (run.sh:3:1)",
        "run.sh ended with exit code 3.",
        "Limit: exit code 0",
    ]
    assert (found["run"].get("classname"), found["run"].get("time")) == ("harness.r13921031", "1.500")


def test_the_counts(mixed: Record, record: Record, t: Language) -> None:
    for one, counts in ((mixed, ("3", "2", "0", "0")), (record, ("3", "1", "0", "1"))):
        suite = etree.fromstring(junit(one, t=t).encode()).find("testsuite")
        assert suite is not None
        assert tuple(suite.get(key) for key in ("tests", "failures", "errors", "skipped")) == counts
        assert suite.get("timestamp") == "2026-11-21T00:00:00"


def test_what_was_skipped_says_why(record: Record, t: Language) -> None:
    skipped = cases(record, t)["validate"].find("skipped")
    assert skipped is not None and skipped.get("message") == "needs run"


def test_a_fault_is_an_error_and_no_failure(faulty: Record, t: Language) -> None:
    case = cases(faulty, t)["run"]
    error = case.find("error")
    assert error is not None and case.find("failure") is None
    assert dict(error.attrib) == {"message": "The engine is gone.", "type": "EnvironmentFault"}
    assert error.text == "Start it again."


def test_a_submission_in_a_folder_of_the_repository(mixed: Record, t: Language) -> None:
    assert "(homework/run.sh:3:1)" in (cases(mixed, t, prefix="homework")["run"].findtext("failure") or "")


def test_nothing_hostile_leaves_its_text(hostile: Record, t: Language) -> None:
    found = cases(hostile, t)
    assert list(found) == ["run", "validate"]
    assert {one.tag for case in found.values() for one in case} == {"failure", "skipped"}
    text = found["run"].findtext("failure") or ""
    for words in ('<x a="b">&\\x00\\x08\\x1b[2J\\u2028\\uffff\\ud800 <script>', "##[error]z", "\n]]>"):
        assert words in text


@pytest.mark.parametrize("code", [*range(32), 0x7F, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF, 0x1FFFE])
def test_every_character_that_xml_forbids(record: Record, t: Language, code: int) -> None:
    fault = replace(record.stages[1].findings[0], seen=f"a{chr(code)}b", title=f"a{chr(code)}b")
    SCHEMA.assertValid(
        etree.fromstring(junit(replace(record, stages=(replace(record.stages[1], findings=(fault,)),)), t=t).encode())
    )
