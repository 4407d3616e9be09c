"""Whether the usual file hosts can be reached from here, asked all at once and never for long."""

import queue
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.facts import Fact, Health

PATIENCE_S = 2.5
FILE_HOSTS = (
    ("drive.google.com", 443),
    ("drive.usercontent.google.com", 443),
    ("huggingface.co", 443),
    ("www.dropbox.com", 443),
    ("github.com", 443),
)
OFFLINE = (
    "Only download.sh needs it: quick checks, recorded downloads, scoring and regrading work without. Behind a proxy "
    "this is no surprise: these are direct connections, as those of a container are."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """One host: how long name and connection took, or what was the matter."""

    host: str
    seconds: float | None = None
    problem: str = ""


def reach(hosts: Sequence[tuple[str, int]], *, patience_s: float = PATIENCE_S) -> tuple[Reached, ...]:
    """Look up and connect to each, at the same time; give what is known when the patience is over.

    The system's look-up of names cannot be ended, so a thread that hangs in it is left behind.
    """
    answers: queue.SimpleQueue[Reached] = queue.SimpleQueue()
    for host, port in hosts:
        threading.Thread(
            target=lambda *of: answers.put(_reach(*of)), args=(host, port, patience_s), daemon=True
        ).start()
    give_up = time.monotonic() + patience_s
    found: dict[str, Reached] = {}
    while len(found) < len(hosts) and (left := give_up - time.monotonic()) > 0:
        try:
            one = answers.get(timeout=left)
        except queue.Empty:
            break
        found[one.host] = one
    late = f"no answer within {patience_s:g} s"
    return tuple(found.get(host, Reached(host=host, problem=late)) for host, _ in hosts)


def _reach(host: str, port: int, patience_s: float) -> Reached:
    start = time.monotonic()
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Reached(host=host, problem="no address")
    problem = "no address"
    for family, kind, protocol, _, address in addresses:
        left = patience_s - (time.monotonic() - start)
        if left <= 0:
            break
        with socket.socket(family, kind, protocol) as connection:
            connection.settimeout(left)
            try:
                connection.connect(address)
                return Reached(host=host, seconds=time.monotonic() - start)
            except OSError as error:
                problem = (error.strerror or str(error)).lower()
    return Reached(host=host, problem=problem)


def network_fact(found: Sequence[Reached]) -> Fact:
    """Judge: offline is a note, since most work does without."""
    good = [one for one in found if one.seconds is not None]
    bad = [one for one in found if one.seconds is None]
    if not bad:
        slowest = max(one.seconds or 0.0 for one in good)
        return Fact(
            name="network", health=Health.FINE, seen=f"{len(good)} file hosts answer, the slowest in {slowest:.2f} s"
        )
    problems: dict[str, list[str]] = {}
    for one in bad:
        problems.setdefault(one.problem, []).append(one.host)
    lines = "".join(f"\n{problem}: {', '.join(hosts)}" for problem, hosts in problems.items())
    if not good:
        return Fact(name="network", health=Health.NOTE, seen=f"no file host can be reached{lines}", remedy=OFFLINE)
    seen = f"{len(good)} of {len(found)} file hosts answer{lines}"
    remedy = "A download from there would fail now: see what keeps this machine from them (firewall, name server)."
    return Fact(name="network", health=Health.NOTE, seen=seen, remedy=remedy)
