"""What is said of predictions."""

import json

import pytest

from harness.stages.predictions import check_predictions

WANTED = ["a", "b", "c", "d"]
ROWS = [{"id": one, "output": f"text {one}"} for one in WANTED]


def codes(rows: object) -> list[tuple[str, str]]:
    findings, _ = check_predictions(json.dumps(rows).encode(), wanted=WANTED, quote=True)
    return [(found.code, found.seen) for found in findings]


def test_good_predictions_pass() -> None:
    assert check_predictions(json.dumps(ROWS).encode(), wanted=WANTED, quote=True) == ([], 4)


@pytest.mark.parametrize(
    ("rows", "code", "seen"),
    [
        (ROWS[:1], "VAL003", "3 missing, first: b, c, d"),
        ([*ROWS, ROWS[0]], "VAL004", "1 there more than once, first: a"),
        ([*ROWS, {"id": "z", "output": "t"}], "VAL005", "1 unknown, first: z"),
        ([*ROWS[:3], {"id": "d", "output": " \n"}], "VAL006", "1 of 4 outputs are empty, first: d"),
    ],
)
def test_each_fault_has_its_code(rows: object, code: str, seen: str) -> None:
    assert codes(rows) == [(code, seen)]


def test_broken_json_is_placed() -> None:
    (found,), count = check_predictions(
        b'[{"id": "a", "output": "t"},\n {"id": "b" "output": 1}]', wanted=WANTED, quote=True
    )
    assert count == 0
    assert found.code == "VAL001"
    assert found.where is not None
    assert found.where.line == 2


def test_a_wrong_key_is_placed_with_its_pointer() -> None:
    findings, _ = check_predictions(b'[{"id": "a", "outputs": "t"}]', wanted=["a"], quote=True)
    assert {found.code for found in findings} == {"VAL002"}
    assert any(found.where and found.where.pointer == "/0/outputs" for found in findings)
    assert any("output" in found.fix for found in findings)


@pytest.mark.parametrize(
    "content",
    [
        b'[{"id": "a", "a secret": "t"}]',
        b'[{"id": "a", "output": "t"}, {"id": "a secret", "output": "t"}]',
        b'[{"id": "a secret", "output": ""}, {"id": "a secret", "output": ""}]',
        b'[{"id": "a", "output": "t"} "a secret"]',
    ],
)
def test_on_private_data_nothing_of_the_predictions_is_public(content: bytes) -> None:
    findings, _ = check_predictions(content, wanted=["a"], quote=False)
    assert findings
    for found in findings:
        public = (found.seen, found.limit, found.fix, str(found.where))
        assert not any("secret" in text for text in public), public
        assert found.staff_detail


def test_the_same_fault_in_every_row_is_told_once() -> None:
    rows = [{"id": one, "outputs": "t"} for one in WANTED]
    findings, _ = check_predictions(json.dumps(rows).encode(), wanted=WANTED, quote=True)
    assert len(findings) <= 2
    assert any("so in 4 places; the first is named" in found.seen for found in findings)
