import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.language import Message, language, message
from harness.model.result import Record
from harness.schema.record import read_record, record_text
from harness.schema.wordings import with_messages, worded, wordings_of

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


def _nested(levels: int, *, gaps: int = 50) -> Any:
    made: Any = "x" * 50
    for _ in range(levels):
        made = {"template": "{a}" * gaps, "values": {"a": made}}
    return made


@pytest.mark.parametrize(
    "wording",
    [
        _nested(5),
        {"template": "text", "values": {"a": _nested(5)}},
        {"template": "{a:.4}", "values": {"a": _nested(5)}},
        {"template": "{a:.4}", "values": {"a": [_nested(2)] * 3_000}},
        {"template": "{a:.4}", "values": {"a": ["text"] * 3_000}},
        {"template": "{a:.9f}" * 100_000, "values": {"a": 1e300}},
        _nested(40, gaps=1),
    ],
    ids=["gaps", "unused", "cut", "list", "long list", "numbers", "deep"],
)
def test_a_wording_never_grows_beyond_its_text(wording: Any) -> None:
    tracemalloc.start()
    try:
        again = (with_messages(["text"], {"text": wording})[0], worded("text", wording))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert again == ("text", "text")
    assert peak_bytes < 5_000_000


def test_what_is_put_together_for_a_long_text_has_its_bound_too() -> None:
    text = "x" * 100_000
    unused = {f"a{number}": {"template": "{a}{a}", "values": {"a": text[: len(text) // 2]}} for number in range(100)}
    assert isinstance(
        with_messages([text], {text: {"template": "{a0}", "values": dict(list(unused.items())[:9])}})[0], Message
    )
    assert not isinstance(with_messages([text], {text: {"template": "{a0}", "values": unused}})[0], Message)


@pytest.mark.parametrize("value", [None, {"template": "", "values": {}}])
def test_nothing_and_empty_templates_stand_in_no_message(value: Any) -> None:
    for text, wording in (("", value), ("None", {"template": "{a}", "values": {"a": value}})):
        if wording:
            again = with_messages([text], {text: wording})[0]
            assert not isinstance(again, Message)
            assert language("zh-TW").of(again) == language("zh-TW").of(worded(text, wording)) == text
