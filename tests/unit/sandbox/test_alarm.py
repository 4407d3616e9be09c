"""The first limit counts, and a waiter wakes at once."""

import threading
import time

from harness.sandbox.alarm import Alarm
from harness.sandbox.cause import Cause


def test_first_limit_counts() -> None:
    alarm = Alarm()
    assert alarm.fired is None
    alarm.fire(Cause.OUTPUT_CAP)
    alarm.fire(Cause.DEADLINE)
    assert alarm.fired is Cause.OUTPUT_CAP


def test_wait_times_out() -> None:
    assert not Alarm().wait(0.01)
    assert not Alarm().wait(-1)


def test_fire_wakes_a_waiter() -> None:
    alarm = Alarm()
    timer = threading.Timer(0.05, alarm.fire, [Cause.DISK_CAP])
    timer.start()
    began = time.monotonic()
    assert alarm.wait(10)
    timer.join()
    assert time.monotonic() - began < 5


def test_wake_is_no_limit() -> None:
    alarm = Alarm()
    alarm.wake()
    assert alarm.wait(0)
    assert alarm.fired is None
