"""How one grade became another, by a table, and what holds for any two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.grading.moves import compare
from harness.model.result import Points, Verdict


def verdict(*points: Points, penalty: float = 0.0, reason: str = "on time") -> Verdict:
    earned = sum(one.earned for one in points)
    possible = sum(one.possible for one in points)
    return Verdict(
        points=points, late_penalty=penalty, late_reason=reason, total=max(0.0, earned - penalty), possible=possible
    )


def line(name: str, earned: float, possible: float = 4.0, reason: str = "r") -> Points:
    return Points(name=name, earned=earned, possible=possible, reason=reason)


@pytest.mark.parametrize(
    ("before", "after", "change", "why"),
    [
        (verdict(line("A", 4)), verdict(line("A", 4, reason="other words")), 0, ()),
        (verdict(line("A", 4)), verdict(line("A", 0, reason="is above 9")), -4, ("A: 4 -> 0 (is above 9)",)),
        (verdict(line("A", 4)), verdict(line("A", 6, 6)), 2, ("A: 4 -> 6 (r)",)),
        (verdict(line("A", 4), line("B", 0, 2)), verdict(line("A", 4)), 0, ("B: dropped, was 0 / 2",)),
        (verdict(line("A", 4)), verdict(line("A", 4), line("B", 1.5, 2)), 1.5, ("B: new, 1.5 / 2 (r)",)),
        (
            verdict(line("A", 4), penalty=0.4, reason="1 day late"),
            verdict(line("A", 4), reason="on time, extended"),
            0.4,
            ("Late penalty: 0.4 -> 0 (on time, extended)",),
        ),
        (
            verdict(line("A", 4), penalty=0.4),
            verdict(line("A", 0), penalty=0.0),
            -3.6,
            ("A: 4 -> 0 (r)", "Late penalty: 0.4 -> 0 (on time)"),
        ),
    ],
)
def test_table(before: Verdict, after: Verdict, change: float, why: tuple[str, ...]) -> None:
    move = compare("r1", before, after)
    assert (move.change, move.why, move.moved) == (change, why, change != 0)
    assert (move.before, move.after) == (before.total, after.total)
    assert (move.possible_before, move.possible_after) == (before.possible, after.possible)


LINES = st.lists(
    st.builds(line, st.sampled_from("ABCD"), st.sampled_from([0.0, 0.25, 4.0])), unique_by=lambda one: one.name
)
VERDICTS = st.builds(lambda lines, penalty: verdict(*lines, penalty=penalty), LINES, st.sampled_from([0.0, 0.5, 9.0]))


@given(VERDICTS, VERDICTS)
def test_whoever_moves_is_told_why(before: Verdict, after: Verdict) -> None:
    move = compare("r1", before, after)
    assert not move.moved or move.why
    assert compare("r1", before, before).why == ()
    assert compare("r1", after, before).change == -move.change
