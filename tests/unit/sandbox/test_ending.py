"""What is said of a program that ended, and what is a fault of the machine instead."""

from collections.abc import Callable

import pytest

from harness.errors import EnvironmentFault
from harness.sandbox.cause import Cause, Observed
from harness.sandbox.ending import how_it_ended
from harness.sandbox.interface import Job


@pytest.mark.parametrize("killed", [True, False])
def test_a_child_killed_for_memory_is_told_of_a_program_that_went_on(
    make_job: Callable[..., Job], killed: bool
) -> None:
    seen = Observed(status=0, out_of_memory=killed)
    ended = how_it_ended(make_job("true"), seen, duration_s=1.0, peak_memory_bytes=None)
    assert (ended.cause, ended.exit_code, ended.killed_for_memory) == (Cause.EXITED, 0, killed)


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (Observed(status=None), "The container engine was stopped or restarted while job job ran."),
        (
            Observed(status=137, machine_ran_out=True, out_of_memory=True),
            "The machine ran out of memory or processes while job job ran within its own limits "
            "(0.5 GB, 64 processes).",
        ),
    ],
)
def test_the_machine_s_end_is_a_fault(make_job: Callable[..., Job], seen: Observed, message: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        how_it_ended(make_job("true"), seen, duration_s=1.0, peak_memory_bytes=None)
    assert str(caught.value) == message
    assert caught.value.remedy.endswith("grade again.")
