import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.language import Message, message
from harness.model.result import Record
from harness.schema.record import read_record, record_text
from harness.schema.wordings import with_messages, wordings_of

MADE = message("{count} ids: {ids}", count=2, ids=("a", message("and {more:,.1f} more", more=1.0)))


def test_there_and_back() -> None:
    data = {"text": MADE, "list": ["plain", MADE]}
    again = with_messages(json.loads(json.dumps(data)), json.loads(json.dumps(wordings_of(data))))
    assert again == data
    for one in (again["text"], again["list"][1]):
        assert isinstance(one, Message)
        assert (one.template, one.values) == (MADE.template, MADE.values)
    assert not isinstance(again["list"][0], Message)


@pytest.mark.parametrize(
    "wording",
    [
        {"template": "{a:>999999999}", "values": {"a": "x"}},
        {"template": "{a}", "values": {"a": {"template": "{b.real}", "values": {"b": 1}}}},
        {"template": "other text", "values": {}},
        {"template": "{a}", "values": {}},
    ],
)
def test_what_a_file_says_wrongly_stays_plain(wording: Any) -> None:
    assert not isinstance(with_messages(["text"], {"text": wording})[0], Message)


def test_a_record_keeps_its_messages(record: Record, tmp_path: Path) -> None:
    stage = replace(record.stages[0], summary=MADE)
    path = tmp_path / "record.json"
    path.write_text(record_text(replace(record, stages=(stage, *record.stages[1:]))), encoding="utf-8")
    summary = read_record(path).stages[0].summary
    assert isinstance(summary, Message)
    assert (summary, summary.template, summary.values) == (MADE, MADE.template, MADE.values)
    assert json.loads(path.read_bytes())["stages"][0]["summary"] == str(MADE)
