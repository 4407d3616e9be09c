"""What is said of predictions."""

import json
import time

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


@pytest.mark.parametrize(
    "text",
    [
        '[NaNx, "' + '\\"' * 500_000,
        "[" + "1" * 301 + 'x, "' + '\\"' * 500_000,
        '[1e999x, "' + '\\"' * 500_000,
        '[{"id": "a", "id": "b"}x, "' + '\\"' * 500_000,
        "[" * 70 + '"' + '\\"' * 500_000,
        '[{"id": "a' + "\u0301\u0316" * 100_000 + '", "output": "t"}]',
        '[{"id": "' + "\ufdfa" * 3_000_000 + '", "output": "t"}]',
        '[{"id": "' + "0" * 3_000_000 + 'x", "output": "t"}]',
        json.dumps([{"id": f"{number:0200}", "output": "t"} for number in range(20_000)]),
    ],
    ids=["nan", "digits", "infinite", "twice", "deep", "marks", "wide", "zeros", "many"],
)
def test_no_predictions_hold_the_grader_up(text: str) -> None:
    content, begin = text.encode(), time.process_time()
    findings, _ = check_predictions(content, wanted=WANTED, quote=True)
    assert findings
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'[{"id": "a", "output": "t"} x', b'[\n\n{"id": "a", "output": "t"}   x'),
        (b'[{"id": "a", "output": 1}]', b'[\n\n{"id": "b", "output":   2, "output ": 3}]'),
        (
            b'[{"id": "a", "output": "t"}, {"id": "a", "output": 1}, {"id": 1, "output": "t"}, {"id": "a"}]',
            b'[{"id": "a"}, {"id": "a", "output": 1}]',
        ),
    ],
)
def test_on_private_data_no_place_tells_what_the_program_read(one: bytes, other: bytes) -> None:
    def public(content: bytes) -> list[tuple[str, str, str, str]]:
        findings, _ = check_predictions(content, wanted=["a"], quote=False)
        for found in findings:
            assert found.staff_detail
            assert found.staff_detail.startswith("predictions.json:")
        return [(found.code, found.limit, found.fix, str(found.where)) for found in findings]

    assert {where for *_, where in public(one)} == {"predictions.json"}
    assert set(public(one)) <= set(public(other)) or set(public(other)) <= set(public(one))
    assert public(one) == sorted(public(one))
