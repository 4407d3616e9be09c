"""An end that never comes is a fault, not an end."""

import threading

from harness.errors import EnvironmentFault
from harness.sandbox.end_watch import EndWatch


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
