import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.model.result import Fault, Outcome, Record
from harness.schema.record import read_record, record_text
from harness.schema.written import InvalidFileError


def test_there_and_back(record: Record, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(record_text(record), encoding="utf-8")
    assert read_record(tmp_path / "record.json") == record


def test_a_fault_is_not_graded_and_says_why(record: Record, fault: Fault, tmp_path: Path) -> None:
    not_graded = replace(record, outcome=Outcome.NOT_GRADED, fault=fault, score=None, verdict=None)
    (tmp_path / "record.json").write_text(record_text(not_graded), encoding="utf-8")
    assert read_record(tmp_path / "record.json") == not_graded
    with pytest.raises(InvalidFileError, match=r"at /fault: expected an object, saw null"):
        record_text(replace(not_graded, fault=None))
    with pytest.raises(InvalidFileError, match="at /fault: expected null, saw an object"):
        record_text(replace(record, fault=fault))


def test_a_record_that_breaks_the_schema_is_a_bug(record: Record) -> None:
    assert record.score is not None
    with pytest.raises(InvalidFileError, match=r"r13921031: Out of range float values are not JSON compliant"):
        record_text(replace(record, score=replace(record.score, perplexity=float("nan"))))
    with pytest.raises(InvalidFileError, match=r"at /score/perplexity: expected a number > 0, saw the number -1.0"):
        record_text(replace(record, score=replace(record.score, perplexity=-1.0)))


def test_a_name_that_is_no_utf_8_does_not_cost_the_record(record: Record, tmp_path: Path) -> None:
    odd = b"caf\xe9.zip".decode("utf-8", "surrogateescape")
    text = record_text(replace(record, submission=replace(record.submission, source=odd)))
    (tmp_path / "record.json").write_bytes(text.encode())
    assert read_record(tmp_path / "record.json").submission.source == "caf\N{REPLACEMENT CHARACTER}.zip"


@pytest.mark.parametrize("cut", [0, 1, 400, -3])
def test_a_torn_record_is_told(record: Record, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "record.json"
    path.write_text(record_text(record)[:cut], encoding="utf-8")
    with pytest.raises(ConfigError, match=r"record\.json is torn or no file of this grader:\n.+: exp") as caught:
        read_record(path)
    assert caught.value.remedy == "Remove the file and grade this submission again."


def test_a_foreign_file_is_told(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps({**json.loads(record_text(record)), "schema": "record.v2"}))
    with pytest.raises(ConfigError, match=r'expected "record.v1", saw "record.v2"'):
        read_record(path)


def test_a_missing_record_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^.*record\.json cannot be read: No such file or directory\.$"):
        read_record(tmp_path / "record.json")
