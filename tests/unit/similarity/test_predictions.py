import numpy as np
import pytest

from harness.similarity.predictions import alike_outputs, rarest, shares

EASY = {f"e{number}": f"今天天气很好，我们去公园散步吧{number}" for number in range(20)}


def student(own: str, **odd: str) -> dict[str, str]:
    """Right answers to easy ones, own words for hard ones, and some given odd ones."""
    hard = {f"h{number}": f"{own * 3}第{number}个{own}译文{own[::-1]}" for number in range(10)}
    return {**EASY, **hard, **odd}


def many() -> list[dict[str, str]]:
    return [student(chr(0x4E00 + 97 * at) + chr(0x5E00 + 31 * at) + chr(0x6E00 + 53 * at)) for at in range(12)]


def test_shared_rare_outputs_stand_out_and_common_ones_do_not() -> None:
    students = many()
    plain = shares(students).share
    strange = {f"h{number}": f"奇怪的错误译文 {number} {'abcdefghij'[number]}" for number in range(6)}
    students[3] |= strange
    students[7] |= strange
    found = shares(students)
    pairs = found.share[np.triu_indices(len(students), 1)]
    assert found.share[3, 7] == pairs.max() > 0.5
    assert np.median(pairs) == pytest.approx(np.median(plain[np.triu_indices(12, 1)]), abs=0.02)
    assert np.sort(pairs)[-2] < 0.15
    assert found.near[0, 1] == 20 and found.near[3, 7] == 26 and found.both[3, 7] == 30


def test_near_outputs_count_too() -> None:
    students = many()
    long = "这是一个很长很奇怪的而且别人都没有写出来的翻译结果呢对不对啊"
    students[0]["h1"], students[5]["h1"] = long, long.replace("奇怪", "古怪")
    assert shares(students).near[0, 5] == 21
    (first, *_) = rarest(students, 0, 5, most=3)
    assert (first.example, first.students) == ("h1", 2)
    assert (first.text_a, first.text_b) == (long, long.replace("奇怪", "古怪"))


def test_trivial_outputs_do_not_count() -> None:
    alike, there = alike_outputs(["", " ", "好", "好", "好的", "好的 ", "\ud83d"])
    assert there.tolist() == [False, False, False, False, True, True, False]
    assert np.argwhere(alike).tolist() == [[4, 4], [4, 5], [5, 4], [5, 5]]


def test_missing_examples_and_nobody() -> None:
    found = shares([{"a": "some text"}, {"b": "some text"}, {}])
    assert found.share[0, 1] == 0 and np.isnan(found.share[0, 2])
    assert shares([]).share.shape == (0, 0)
