"""Memory in use, as `docker stats` counts it; an end that never comes is a fault, not an end."""

import threading

import pytest

from harness.errors import EnvironmentFault
from harness.sandbox.engine_threads import EndWatch, MemoryWatch, memory_in_use


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        ({}, None),
        ({"usage": 100}, 100),
        ({"usage": 100, "stats": {"total_inactive_file": 30, "inactive_file": 5}}, 70),
        ({"usage": 100, "stats": {"inactive_file": 40}}, 60),
        ({"usage": 10, "stats": {"inactive_file": 40}}, 0),
    ],
)
def test_memory_in_use(stats: dict[str, object], expected: int | None) -> None:
    assert memory_in_use(stats) == expected


def test_memory_watch_keeps_the_peak_and_ends_with_the_engine() -> None:
    samples = iter([{"usage": 5}, {"usage": 9}, {"usage": 3}])
    done = threading.Event()

    def sample() -> dict[str, int]:
        try:
            return next(samples)
        except StopIteration:
            done.set()
            raise EnvironmentFault("gone", remedy="") from None

    watch = MemoryWatch(sample)
    watch.start()
    assert done.wait(10)
    watch.stop()
    assert watch.peak_bytes == 9


def test_end_watch_tells_an_end_from_a_fault() -> None:
    def fail() -> None:
        raise EnvironmentFault("gone", remedy="")

    for wait, came in ((lambda: None, True), (fail, False)):
        told = threading.Event()
        watch = EndWatch(wait, on_end=told.set)
        watch.start()
        assert told.wait(10)
        assert watch.came is came
        assert (watch.error is None) is came
