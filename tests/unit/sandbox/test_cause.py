"""The cause of an end is one table."""

import pytest

from harness.sandbox.cause import Cause, Observed, cause_of_end, signal_of

KILLED = 128 + 9


VRAM = {"out_of_vram": True}
OOM, REFUSED, GONE = {"out_of_memory": True}, {"pids_refused": True}, {"engine_gone": True}
SHORT = {"machine_ran_out": True}


@pytest.mark.parametrize(
    ("status", "fired", "more", "cause"),
    [
        (0, None, {}, Cause.EXITED),
        (1, None, {}, Cause.EXITED),
        (127, None, {}, Cause.EXITED),
        (128, None, {}, Cause.EXITED),
        (193, None, {}, Cause.EXITED),
        (255, None, {}, Cause.EXITED),
        (129, None, {}, Cause.SIGNALED),
        (KILLED, None, {}, Cause.SIGNALED),
        (192, None, {}, Cause.SIGNALED),
        (KILLED, None, OOM, Cause.OUT_OF_MEMORY),
        (1, None, OOM, Cause.OUT_OF_MEMORY),  # a child was killed, and the program noticed
        (0, None, OOM, Cause.EXITED),
        (KILLED, None, OOM | REFUSED, Cause.OUT_OF_MEMORY),
        (1, None, REFUSED, Cause.PIDS_CAP),
        (139, None, REFUSED, Cause.PIDS_CAP),
        (1, None, VRAM, Cause.OUT_OF_VRAM),
        (134, None, VRAM, Cause.OUT_OF_VRAM),
        (0, None, VRAM, Cause.EXITED),
        (KILLED, None, OOM | VRAM, Cause.OUT_OF_MEMORY),
        (KILLED, Cause.DEADLINE, VRAM, Cause.DEADLINE),
        (0, None, REFUSED, Cause.EXITED),
        (KILLED, Cause.DEADLINE, {}, Cause.DEADLINE),
        (KILLED, Cause.DEADLINE, OOM, Cause.DEADLINE),
        (KILLED, Cause.DEADLINE, REFUSED, Cause.DEADLINE),
        (0, Cause.DEADLINE, {}, Cause.DEADLINE),
        (KILLED, Cause.OUTPUT_CAP, OOM, Cause.OUTPUT_CAP),
        (0, Cause.DISK_CAP, {}, Cause.DISK_CAP),
        (143, None, GONE, Cause.ENGINE_GONE),
        (KILLED, Cause.DEADLINE, GONE, Cause.ENGINE_GONE),
        (1, None, OOM | GONE, Cause.ENGINE_GONE),
        (KILLED, None, OOM | SHORT, Cause.MACHINE_SHORT),
        (1, None, SHORT, Cause.MACHINE_SHORT),
        (0, None, OOM | SHORT, Cause.EXITED),
        (KILLED, Cause.DEADLINE, OOM | SHORT, Cause.DEADLINE),
        (KILLED, None, SHORT | GONE, Cause.ENGINE_GONE),
        (None, None, {}, Cause.ENGINE_GONE),
        (None, Cause.DISK_CAP, {}, Cause.ENGINE_GONE),
    ],
)
def test_cause_of_end(status: int | None, fired: Cause | None, more: dict[str, bool], cause: Cause) -> None:
    assert cause_of_end(Observed(status=status, fired=fired, **more)) is cause


@pytest.mark.parametrize(
    ("status", "signal"), [(0, None), (127, None), (128, None), (129, 1), (137, 9), (143, 15), (192, 64), (193, None)]
)
def test_signal_of(status: int, signal: int | None) -> None:
    assert signal_of(status) == signal
