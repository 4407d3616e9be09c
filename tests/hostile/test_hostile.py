"""Each hostile case ends in its own finding, harms nobody else, and leaves this machine as it was."""

from collections.abc import Callable
from dataclasses import asdict

import pytest

from harness.model.catalogue import CATALOGUE

from .case import Case, all_cases
from .host import own_use
from .suite import MOST_GROWTH_BYTES, ROW, Row, Suite, host_problems, problems, stop_before_scoring

pytestmark = pytest.mark.docker


def test_the_suite_is_large_and_names_codes_that_exist() -> None:
    cases = all_cases()
    assert len(cases) >= 100
    assert len({case.name for case in cases}) == len(cases)
    assert all(case.change.__doc__ for case in cases)
    assert {code for case in cases for code in case.codes} <= set(CATALOGUE)


def test_case(case: Case, suite: Suite, record_property: Callable[[str, object], None]) -> None:
    student_id = suite.next_id()
    folder = suite.submission(student_id)
    added = stop_before_scoring(case, folder)
    hand_in = case.change(folder) or folder
    before, own_before = suite.host(), own_use()
    graded = suite.grade(hand_in, student_id, case.limits)
    after, own_after = suite.host(), own_use()
    wanted = case.codes | added
    found = [*problems(graded, wanted, suite, fault=case.fault), *host_problems(before, after, own_before, own_after)]
    if graded.seconds > case.most_s:
        found.append(f"grading took {graded.seconds:.1f} s, more than {case.most_s} s")
    words = [case.fault or " ".join(sorted(case.codes)), " ".join(sorted(graded.codes - added))]
    row = Row(
        engine=suite.place.name,
        case=f"{case.theme}: {case.name}",
        wanted=words[0] or "no harm",
        got=words[1] or ("not graded" if graded.record["fault"] else "no harm"),
        seconds=graded.seconds,
        fine=not found,
    )
    record_property(ROW, asdict(row))
    assert not found, "\n".join([case.change.__doc__ or "", *found])


@pytest.mark.slow
def test_afterwards_a_good_submission_passes_no_record_has_changed_and_no_memory_is_kept(suite: Suite) -> None:
    student_id = suite.next_id()
    graded = suite.grade(suite.submission(student_id), student_id, {})
    assert not problems(graded, frozenset(), suite)
    assert graded.record["score"] is not None
    assert not suite.changed_records()
    assert own_use().resident_bytes - suite.began.resident_bytes < MOST_GROWTH_BYTES
