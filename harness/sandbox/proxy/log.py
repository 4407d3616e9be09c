"""Reads the proxy's access log: which hosts it refused or could not reach, and which failed. Must not know an engine.

What stands there is what a student's program asked for: its text is shown by others, after `text.visible`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.language import Message, message
from harness.sandbox.interface import FailingHost
from harness.sandbox.proxy.config import OWN_DOMAIN, READY_HOST

MOST_HOSTS = 10
MOST_CHARACTERS = 120
_REFUSED = "TCP_DENIED"
_NO_CONNECTION = "ERR_CONNECT_FAIL"  # no route, refused, or no answer within `connect_timeout`
_NO_ADDRESS = ("ERR_CANNOT_FORWARD", "ERR_DNS_FAIL")  # of a tunnel, where no server was chosen either
_NO_SERVER = "HIER_NONE"
_BROKEN_OFF = ("ERR_READ_ERROR", "ERR_ZERO_SIZE_OBJECT")  # reset, or closed without an answer
_TOO_SLOW = "ERR_READ_TIMEOUT"
_LEFT = "ERR_CLIENT_GONE"  # after a status the program had seen enough; with 000 it waited no longer for a first byte
_SILENCE_MS = 10_000
_BUSY = ("429", "500", "502", "503", "504")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    waited_ms: int
    result: str
    status: str
    error: str
    server: str
    method: str
    host: str
    port: str
    url: str

    @property
    def place(self) -> str:
        """What was asked for, as ``host:port``."""
        return f"{self.host[:MOST_CHARACTERS]}:{self.port[:5]}".replace("%5B", "[").replace("%5D", "]")

    @property
    def name(self) -> str:
        """The host in one spelling."""
        return self.host.lower().removesuffix(".")

    @property
    def refused(self) -> bool:
        return self.result.startswith(_REFUSED)

    @property
    def unreached(self) -> bool:
        """Whether the proxy got no connection. An answer of the host, and a client that went away, are none of it.

        Where a name has no address, only a tunnel's line says so beyond doubt: what is wrong with a plain request can
        look the same.
        """
        no_address = self.method == "CONNECT" and self.server == _NO_SERVER and self.error in _NO_ADDRESS
        return self.status.startswith("5") and not self.refused and (no_address or self.error == _NO_CONNECTION)

    @property
    def reached(self) -> bool:
        return self.server != _NO_SERVER and self.status != "000" and not self.refused and not self.unreached

    @property
    def failure(self) -> Message | None:
        """How the host failed a plain request, or None where it did not or where that cannot be seen: in a tunnel."""
        if self.method == "CONNECT":
            return None
        if self.error == _LEFT and self.status == "000" and self.server != _NO_SERVER and self.waited_ms >= _SILENCE_MS:
            return message("did not answer within {waited_s:.0f} s", waited_s=self.waited_ms / 1000)
        if not self.reached:
            return None
        if self.error in _BROKEN_OFF:
            return message("broke the connection off")
        if self.error == _TOO_SLOW:
            return message("did not answer in time")
        if self.status in _BUSY and self.error in ("-", _LEFT):
            return message("answered {status}", status=self.status)
        return None


def refused_hosts(lines: Iterable[str]) -> tuple[str, ...]:
    """Give ``host:port`` of what was refused, each once, in order, at most `MOST_HOSTS` of them.

    Args:
        lines: Lines of the form `proxy.config.ACCESS_LOG`.
    """
    return _first(one.place for one in _lines(lines) if one.refused)


def unreached_hosts(lines: Iterable[str]) -> tuple[str, ...]:
    """Give ``host:port`` of what is allowed and to which the proxy got no connection, each once, at most `MOST_HOSTS`.

    A host to which any request got through, on whatever port, is not among them.

    Args:
        lines: Lines of the form `proxy.config.ACCESS_LOG`.
    """
    read = tuple(_lines(lines))
    reached = {one.name for one in read if one.reached}
    return _first(one.place for one in read if one.unreached and one.name not in reached)


def reached_hosts(lines: Iterable[str]) -> tuple[str, ...]:
    """Give ``host:port`` of what answered anything, each once, in order, at most `MOST_HOSTS` of them.

    Args:
        lines: Lines of the form `proxy.config.ACCESS_LOG`.
    """
    return _first(one.place for one in _lines(lines) if one.reached)


def tunnelled_hosts(lines: Iterable[str]) -> tuple[str, ...]:
    """Give ``host:port`` of what was reached through a tunnel, each once, in order, at most `MOST_HOSTS` of them.

    Args:
        lines: Lines of the form `proxy.config.ACCESS_LOG`.
    """
    return _first(one.place for one in _lines(lines) if one.reached and one.method == "CONNECT")


def failing_hosts(lines: Iterable[str]) -> tuple[FailingHost, ...]:
    """Give the hosts that failed a plain HTTP request to the last time it was made, at most `MOST_HOSTS` of them.

    Args:
        lines: Lines of the form `proxy.config.ACCESS_LOG`.
    """
    last = {(one.name, one.port, one.url): one for one in _lines(lines) if one.reached or one.failure}
    found = {FailingHost(place=one.place, how=one.failure): None for one in last.values() if one.failure}
    return tuple(found)[:MOST_HOSTS]


def _first(places: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for place in places:
        found.setdefault(place)
        if len(found) == MOST_HOSTS:
            break
    return tuple(found)


def _lines(lines: Iterable[str]) -> Iterator[_Line]:
    for line in lines:
        match line.split():
            case [_, waited_ms, result, _, error, server, method, host, port, *url] if not host.endswith(OWN_DOMAIN):
                word, _, status = result.partition("/")
                yield _Line(
                    waited_ms=int(waited_ms) if waited_ms.isdecimal() else 0,
                    result=word,
                    status=status,
                    error=error,
                    server=server,
                    method=method,
                    host=host,
                    port=port,
                    url=" ".join(url),
                )


def was_ready(lines: Iterable[str]) -> bool:
    """Tell whether the job's own end of the way asked the proxy for a first answer before the program started."""
    return any(f" {READY_HOST} 80 " in line for line in lines)
