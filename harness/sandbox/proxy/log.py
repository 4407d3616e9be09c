"""Reads the proxy's access log: which hosts it refused or could not reach. Must not know an engine.

What stands there is what a student's program asked for: its text is shown by others, after `text.visible`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.sandbox.proxy.config import OWN_DOMAIN, READY_HOST

MOST_HOSTS = 10
MOST_CHARACTERS = 120
_REFUSED = "TCP_DENIED"
_NO_CONNECTION = "ERR_CONNECT_FAIL"  # no route, refused, or no answer within `connect_timeout`
_NO_ADDRESS = ("ERR_CANNOT_FORWARD", "ERR_DNS_FAIL")  # of a tunnel, where no server was chosen either
_NO_SERVER = "HIER_NONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    result: str
    status: str
    error: str
    server: str
    method: str
    host: str
    port: str

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
            case [_, _, result, _, error, server, method, host, port, *_] if not host.endswith(OWN_DOMAIN):
                word, _, status = result.partition("/")
                yield _Line(result=word, status=status, error=error, server=server, method=method, host=host, port=port)


def was_ready(lines: Iterable[str]) -> bool:
    """Tell whether the job's own end of the way asked the proxy for a first answer before the program started."""
    return any(f" {READY_HOST} 80 " in line for line in lines)
