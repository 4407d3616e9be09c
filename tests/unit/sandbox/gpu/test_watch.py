"""What the watch makes of a driver's readings: whose memory it is, who a neighbour is, and when a driver has failed.

The driver here follows a script, so that each case can be met; the real one is watched in tests/gpu.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from harness.errors import EnvironmentFault
from harness.sandbox.gpu.facts import Gpu, GpuProcess, GpuSeen, Reading
from harness.sandbox.gpu.watch import GpuWatch

GPU = Gpu(uuid="GPU-aa", name="H200", memory_bytes=141 << 30, minor=0)
MIB = 1 << 20
NO_SUCH_PID = (1 << 22) + 1


class ScriptedDriver:
    def __init__(self) -> None:
        self.used_bytes = 100 * MIB
        self.processes: tuple[GpuProcess, ...] = ()
        self.busy: float | None = 0.5
        self.errors: int | None = 3
        self.xids: list[int] = []
        self.lost = False
        self.readings = 0
        self.closed = False

    def read(self, uuid: str) -> Reading:
        assert uuid == GPU.uuid
        self.readings += 1
        if self.lost:
            raise EnvironmentFault("GPU is lost.", remedy="")
        return Reading(used_bytes=self.used_bytes, busy_fraction=self.busy, processes=self.processes)

    def uncorrected_errors(self, uuid: str) -> int | None:
        if self.lost:
            raise EnvironmentFault("GPU is lost.", remedy="")
        return self.errors

    def fault_events(self, uuid: str) -> "ScriptedEvents":
        return ScriptedEvents(self)

    def settle(self) -> None:
        """Wait until the watch has read what is set now, twice."""
        until = self.readings + 3
        give_up = time.monotonic() + 10
        while self.readings < until:
            assert time.monotonic() < give_up
            time.sleep(0.01)


class ScriptedEvents:
    def __init__(self, driver: ScriptedDriver) -> None:
        self.driver = driver

    def xids(self) -> list[int]:
        found, self.driver.xids = self.driver.xids, []
        return found

    def close(self) -> None:
        self.driver.closed = True


@contextmanager
def watched(driver: ScriptedDriver, pids: Callable[[], list[int]] = lambda: []) -> Iterator[Callable[[], GpuSeen]]:
    watch = GpuWatch(driver, GPU, pids=pids)
    watch.start()
    try:
        yield watch.stop
    finally:
        watch.abandon()
    assert driver.closed


@contextmanager
def sleeper() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process.pid
        process.kill()


def test_the_job_s_own_processes_are_measured_and_no_neighbours() -> None:
    driver = ScriptedDriver()
    with sleeper() as pid, watched(driver, lambda: [pid]) as stop:
        driver.processes = (GpuProcess(pid=pid, memory_bytes=700 * MIB),)
        driver.used_bytes = 5000 * MIB
        driver.settle()
        driver.processes = (GpuProcess(pid=pid, memory_bytes=300 * MIB),)
        driver.settle()
        seen = stop()
    assert seen.use.peak_vram_bytes == 700 * MIB
    assert (seen.neighbours, seen.xids, seen.uncorrected_errors, seen.failure) == ((), (), 0, None)
    assert (seen.use.uuid, seen.use.name, seen.use.memory_bytes) == ("GPU-aa", "H200", 141 << 30)


def test_without_figures_of_processes_the_growth_of_the_whole_counts() -> None:
    driver = ScriptedDriver()
    with sleeper() as pid, watched(driver, lambda: [pid]) as stop:
        driver.processes = (GpuProcess(pid=pid, memory_bytes=None),)
        driver.used_bytes = 900 * MIB
        driver.settle()
        assert stop().use.peak_vram_bytes == 800 * MIB


def test_pids_of_another_namespace_are_nobody() -> None:
    driver = ScriptedDriver()
    with watched(driver) as stop:
        driver.processes = (GpuProcess(pid=NO_SUCH_PID, memory_bytes=700 * MIB),)
        driver.used_bytes = 800 * MIB
        driver.settle()
        seen = stop()
    assert seen.neighbours == ()
    assert seen.use.peak_vram_bytes == 700 * MIB


def test_a_stranger_met_twice_is_a_neighbour_with_its_largest_memory() -> None:
    driver = ScriptedDriver()
    with sleeper() as own, sleeper() as other, watched(driver, lambda: [own]) as stop:
        mine = GpuProcess(pid=own, memory_bytes=50 * MIB)
        for theirs in (200, 900, 100):
            driver.processes = (mine, GpuProcess(pid=other, memory_bytes=theirs * MIB))
            driver.settle()
        seen = stop()
    assert seen.neighbours == (GpuProcess(pid=other, memory_bytes=900 * MIB),)
    assert seen.use.peak_vram_bytes == 50 * MIB


def test_who_was_there_before_the_job_and_after_is_a_neighbour_of_the_shortest_job() -> None:
    driver = ScriptedDriver()
    with sleeper() as other:
        driver.processes = (GpuProcess(pid=other, memory_bytes=200 * MIB),)
        with watched(driver) as stop:
            assert [one.pid for one in stop().neighbours] == [other]


def test_a_process_that_ends_before_the_job_s_are_listed_is_no_neighbour() -> None:
    driver = ScriptedDriver()
    with subprocess.Popen(["sleep", "60"]) as ends:

        def pids() -> list[int]:
            ends.kill()
            ends.wait()
            return []

        with watched(driver, pids) as stop:
            driver.processes = (GpuProcess(pid=ends.pid, memory_bytes=10 * MIB),)
            driver.settle()
            assert stop().neighbours == ()


def test_what_the_driver_reports_is_kept() -> None:
    driver = ScriptedDriver()
    with watched(driver) as stop:
        driver.xids = [31]
        driver.settle()
        driver.xids, driver.errors = [79], 5
        seen = stop()
    assert (seen.xids, seen.uncorrected_errors) == ((31, 79), 2)


def test_a_driver_that_answers_again_has_not_failed() -> None:
    driver = ScriptedDriver()
    with watched(driver) as stop:
        driver.lost = True
        driver.settle()
        driver.lost = False
        assert stop().failure is None


def test_a_driver_that_is_gone_at_the_end_has() -> None:
    driver = ScriptedDriver()
    with watched(driver) as stop:
        driver.lost = True
        seen = stop()
    assert (seen.failure, seen.uncorrected_errors) == ("GPU is lost.", 0)


def test_a_driver_that_is_gone_at_the_start_is_a_fault_and_no_thread_is_left() -> None:
    driver = ScriptedDriver()
    driver.lost = True
    watch = GpuWatch(driver, GPU, pids=lambda: [])
    with pytest.raises(EnvironmentFault, match="GPU is lost"):
        watch.start()
    watch.abandon()


def test_seconds_and_busy_seconds() -> None:
    driver = ScriptedDriver()
    with watched(driver) as stop:
        time.sleep(0.8)
        use = stop().use
    assert 0.8 <= use.seconds < 1.2
    assert use.busy_seconds == pytest.approx(use.seconds / 2, abs=0.05)


def test_busy_seconds_are_unknown_where_the_driver_does_not_tell() -> None:
    driver = ScriptedDriver()
    driver.busy, driver.errors = None, None
    with watched(driver) as stop:
        seen = stop()
    assert (seen.use.busy_seconds, seen.uncorrected_errors) == (None, 0)


def test_a_process_of_another_user_is_seen() -> None:
    driver = ScriptedDriver()
    driver.processes = (GpuProcess(pid=1, memory_bytes=10 * MIB),)
    with watched(driver, lambda: [os.getpid()]) as stop:
        assert [one.pid for one in stop().neighbours] == [1]
