"""One record anew: nothing changed changes nothing, and the order of drops does not matter, for any losses."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.batch.kept import Scored, Trusted
from harness.batch.rejudge import CannotRegradeError, Rules, load_data, rejudge
from harness.grading.rubric import Measured
from harness.grading.verdict import decide
from harness.model.extension import Extension
from harness.model.result import ExampleScore, Record, RegradedFrom, StageResult, StageStatus
from harness.schema.assignment import LoadedAssignment
from harness.scoring.definition import perplexity

EXAMPLES = 6
IDS = tuple(f"e{number}" for number in range(EXAMPLES))
NOW = "2027-02-01T12:00:00+00:00"
LOSSES = st.lists(
    st.tuples(st.integers(1, 500), st.floats(0.01, 2000.0)), min_size=EXAMPLES, max_size=EXAMPLES
)  # tokens, nats
TIMES = st.none() | st.datetimes(datetime(2026, 12, 20), datetime(2027, 1, 20), timezones=st.just(UTC))
EXTENSIONS = st.none() | st.builds(Extension, id=st.just("r13921031"), days=st.integers(0, 9))
ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


def scored(losses: Sequence[tuple[int, float]]) -> Scored:
    rows = tuple(
        ExampleScore(id=key, tokens=tokens, nll_nats=nats, perplexity=perplexity(nats, tokens))
        for key, (tokens, nats) in zip(IDS, losses, strict=True)
    )
    return Scored(base=rows, adapter=rows)


def graded(
    record: Record,
    loaded: LoadedAssignment,
    evidence: Scored,
    *,
    submitted_at: datetime | None = None,
    extension: Extension | None = None,
) -> Trusted:
    """A record as grading makes it from this evidence."""
    data = load_data(loaded, "private")
    score = evidence.aggregate(dropped=(), characters=sum(len(one.output) for one in data.examples))
    base = next(one for one in loaded.assignment.base_models if one.name == "Qwen3-tiny")
    measured = Measured(valid_predictions=True, score=score)
    made = replace(
        record,
        assignment=replace(record.assignment, name=loaded.assignment.name, data_sha256=data.sha256),
        submission=replace(
            record.submission,
            submitted_at=submitted_at.isoformat() if submitted_at else None,
            extension=extension,
        ),
        stages=(StageResult(stage="validate", status=StageStatus.PASSED, summary="", duration_s=0.0),),
        score=score,
        verdict=decide(loaded.assignment, base, measured, submitted_at=submitted_at, extension=extension),
    )
    return Trusted(folder=Path("none"), record=made, record_sha256="0" * 64, scored=evidence)


def anew(one: Trusted, loaded: LoadedAssignment, *dropped: str) -> Record:
    assert one.record.verdict is not None
    rules = Rules(loaded=loaded, dropped=dropped)
    return rejudge(one, one.record.verdict, rules, data=load_data(loaded, "private"), now=NOW)


@ANY
@given(LOSSES, TIMES, EXTENSIONS)
def test_the_same_rules_give_the_same_verdict(
    record: Record,
    loaded: LoadedAssignment,
    losses: list[tuple[int, float]],
    submitted_at: datetime | None,
    extension: Extension | None,
) -> None:
    one = graded(record, loaded, scored(losses), submitted_at=submitted_at, extension=extension)
    new = anew(one, loaded)
    assert (new.verdict, new.score, new.text) == (one.record.verdict, one.record.score, one.record.text)
    assert new.regraded_from == RegradedFrom(record_sha256="0" * 64, graded_at=one.record.graded_at)


@ANY
@given(LOSSES, st.permutations(IDS), st.integers(1, EXAMPLES - 1))
def test_drops_add_up_in_any_order(
    record: Record, loaded: LoadedAssignment, losses: list[tuple[int, float]], order: list[str], count: int
) -> None:
    one = graded(record, loaded, scored(losses))
    at_once = anew(one, loaded, *order[:count])
    step = one
    for key in order[:count]:
        step = replace(step, record=anew(step, loaded, key))
    assert (step.record.score, step.record.verdict) == (at_once.score, at_once.verdict)
    again = anew(step, loaded, *order[:count])
    assert (again.score, again.verdict) == (at_once.score, at_once.verdict)


def test_one_example_must_remain(record: Record, loaded: LoadedAssignment) -> None:
    one = graded(record, loaded, scored([(10, 20.0)] * 6))
    rest = replace(one, record=anew(one, loaded, *IDS[:5]))
    with pytest.raises(CannotRegradeError, match="all of its examples are dropped, those of earlier regrades included"):
        anew(rest, loaded, "e5")


def test_without_the_infinite_example_there_is_a_score(record: Record, loaded: LoadedAssignment) -> None:
    one = graded(record, loaded, scored([(10, 20.0)] * 5 + [(1, 10_000.0)]))
    assert one.record.verdict is not None
    unscored = replace(one, record=replace(one.record, score=None))
    assert anew(unscored, loaded, "e0").score is None
    found = anew(unscored, loaded, "e5").score
    assert found is not None and found.perplexity == pytest.approx(7.389, abs=1e-3)


def test_other_data_cannot_be_dropped_from(record: Record, loaded: LoadedAssignment) -> None:
    one = graded(record, loaded, scored([(10, 20.0)] * 6))
    other = replace(one, record=replace(one.record, assignment=replace(one.record.assignment, data_sha256="1" * 64)))
    with pytest.raises(CannotRegradeError, match="it was scored on another data file than the assignment has now"):
        anew(other, loaded, "e1")
    assert anew(other, loaded).score == one.record.score
