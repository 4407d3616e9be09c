"""Reaching for hosts: at the same time, and never for long."""

import socket
import time
from collections.abc import Iterator

import pytest

from harness.batch.doctor.network import OFFLINE, Reached, network_fact, reach
from harness.report.facts import Health

SLOW_S = 3.0


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def full() -> Iterator[int]:
    """A port that takes no more connections: a further one waits."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


def test_what_answers_and_what_does_not(listening: int, closed: int) -> None:
    good, bad, unknown = reach((("127.0.0.1", listening), ("localhost", closed), ("nowhere.invalid", 443)))
    assert good.seconds is not None and good.seconds < SLOW_S
    assert (bad.host, bad.seconds, bad.problem) == ("localhost", None, "connection refused")
    assert (unknown.host, unknown.seconds) == ("nowhere.invalid", None)
    assert unknown.problem in {"no address", "no answer within 2.5 s"}


def test_silence_is_waited_for_once_and_not_for_long(full: int) -> None:
    start = time.monotonic()
    found = reach((("127.0.0.1", full), ("localhost", full)), patience_s=0.5)
    assert time.monotonic() - start < SLOW_S
    assert {one.seconds for one in found} == {None}
    assert {one.problem for one in found} <= {"timed out", "no answer within 0.5 s"}


def test_a_name_that_is_none() -> None:
    (found,) = reach(((f"{'a' * 64}.example", 443),))
    assert found.problem == "no address"


GOOD = Reached(host="a.example", seconds=0.25)
BAD = (Reached(host="b.example", problem="no address"), Reached(host="c.example", problem="no address"))


def test_words() -> None:
    fine = network_fact([GOOD, GOOD])
    assert (fine.health, fine.seen, fine.remedy) == (
        Health.FINE,
        "2 file hosts answer, the slowest in 0.25 s",
        "",
    )
    part = network_fact([GOOD, *BAD, Reached(host="d.example", problem="timed out")])
    assert part.health is Health.NOTE
    assert part.seen == "1 of 4 file hosts answer\nno address: b.example, c.example\ntimed out: d.example"
    assert part.remedy.startswith("A download from there would fail now")
    offline = network_fact(BAD)
    assert (offline.health, offline.remedy) == (Health.NOTE, OFFLINE)
    assert offline.seen == "no file host can be reached\nno address: b.example, c.example"
