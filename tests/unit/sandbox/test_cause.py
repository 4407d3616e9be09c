"""The cause of an end is one table."""

import pytest

from harness.sandbox.cause import Cause, Observed, cause_of_end, signal_of

KILLED = 128 + 9


@pytest.mark.parametrize(
    ("status", "fired", "out_of_memory", "cause"),
    [
        (0, None, False, Cause.EXITED),
        (1, None, False, Cause.EXITED),
        (127, None, False, Cause.EXITED),
        (128, None, False, Cause.EXITED),
        (193, None, False, Cause.EXITED),
        (255, None, False, Cause.EXITED),
        (129, None, False, Cause.SIGNALED),
        (KILLED, None, False, Cause.SIGNALED),
        (192, None, False, Cause.SIGNALED),
        (KILLED, None, True, Cause.OUT_OF_MEMORY),
        (1, None, True, Cause.OUT_OF_MEMORY),
        (0, None, True, Cause.EXITED),
        (KILLED, Cause.DEADLINE, False, Cause.DEADLINE),
        (KILLED, Cause.DEADLINE, True, Cause.DEADLINE),
        (0, Cause.DEADLINE, False, Cause.DEADLINE),
        (KILLED, Cause.OUTPUT_CAP, True, Cause.OUTPUT_CAP),
        (0, Cause.DISK_CAP, False, Cause.DISK_CAP),
    ],
)
def test_cause_of_end(status: int, fired: Cause | None, out_of_memory: bool, cause: Cause) -> None:
    assert cause_of_end(Observed(status=status, fired=fired, out_of_memory=out_of_memory)) is cause


@pytest.mark.parametrize(
    ("status", "signal"), [(0, None), (127, None), (128, None), (129, 1), (137, 9), (143, 15), (192, 64), (193, None)]
)
def test_signal_of(status: int, signal: int | None) -> None:
    assert signal_of(status) == signal
