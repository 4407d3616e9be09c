"""The sum: never below 0, never above what is possible, and the same again from the same facts."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.grading.rubric import Measured
from harness.grading.verdict import decide
from harness.model.assignment import Assignment, LatePolicy, RubricItem
from harness.model.extension import Extension
from harness.model.result import Score
from harness.schema.assignment import load_assignment

ITEMS = st.lists(
    st.builds(
        RubricItem,
        name=st.sampled_from("ABCDEF"),
        points=st.floats(0.01, 100),
        metric=st.sampled_from(["perplexity", "corpus_perplexity"]),
        baseline=st.sampled_from(["public", "strong"]),
    ),
    min_size=1,
    unique_by=lambda one: one.name,
)
SCORES = st.none() | st.builds(
    Score,
    perplexity=st.floats(1, 1000),
    corpus_perplexity=st.floats(1, 1000),
    bits_per_character=st.just(1.0),
    base_perplexity=st.just(50.0),
    examples=st.just(3),
    tokens=st.just(30),
)
POLICIES = st.none() | st.builds(
    LatePolicy,
    deadline=st.just("2026-12-31T23:59"),
    zone=st.just("Asia/Taipei"),
    tokens=st.integers(0, 5),
    penalty_per_day=st.floats(0, 1),
    max_days=st.integers(0, 9),
)
TIMES = st.none() | st.datetimes(datetime(2026, 12, 1), datetime(2027, 2, 1), timezones=st.just(UTC))
EXTENSIONS = st.none() | st.builds(Extension, id=st.just("r1"), days=st.integers(0, 9), tokens=st.integers(0, 9))


@pytest.fixture(scope="module")
def assignment(root: Path) -> Assignment:
    return load_assignment(root / "assignments" / "classical-chinese").assignment


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ITEMS, SCORES, POLICIES, TIMES, EXTENSIONS)
def test_a_total_is_between_nothing_and_what_is_possible(
    assignment: Assignment,
    items: list[RubricItem],
    score: Score | None,
    late: LatePolicy | None,
    submitted_at: datetime | None,
    extension: Extension | None,
) -> None:
    changed = replace(assignment, rubric=tuple(items), late=late)
    measured = Measured(valid_predictions=True, score=score)
    base = assignment.base_models[0]
    found = decide(changed, base, measured, submitted_at=submitted_at, extension=extension)
    assert 0.0 <= found.total <= found.possible + 1e-6
    assert found.late_penalty >= 0.0
    assert found == decide(changed, base, measured, submitted_at=submitted_at, extension=extension)


def test_penalty_tokens_and_total(assignment: Assignment) -> None:
    late = LatePolicy(deadline="2026-12-31T23:59", zone="Asia/Taipei", tokens=1, penalty_per_day=0.1, max_days=5)
    found = decide(
        replace(assignment, late=late),
        assignment.base_models[0],
        Measured(valid_predictions=True, score=None),
        submitted_at=datetime.fromisoformat("2027-01-02T00:10:00+08:00"),
    )
    assert (found.late_penalty, found.late_tokens, found.total, found.possible) == (0.4, 1, 3.6, 10)
    assert found.late_reason == (
        "2 days late, 1 free by tokens (0 left): 10% of the points "
        "(handed in 2027-01-02 00:10, deadline 2026-12-31 23:59 Asia/Taipei)"
    )
