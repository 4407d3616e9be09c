"""Reads the proxy's access log: which hosts it refused. Must not know an engine.

What stands there is what a student's program asked for: its text is shown by others, after `text.visible`.
"""

from collections.abc import Iterable, Iterator

from harness.sandbox.proxy.config import OWN_DOMAIN, READY_HOST

MOST_HOSTS = 10
MOST_CHARACTERS = 120
_REFUSED = "TCP_DENIED"


def refused_hosts(lines: Iterable[str]) -> tuple[str, ...]:
    """Give ``host:port`` of what was refused, each once, in order, at most `MOST_HOSTS` of them.

    Args:
        lines: Lines of the form `proxy_config.ACCESS_LOG`.
    """
    found: dict[str, None] = {}
    for host in _refused(lines):
        found.setdefault(host)
        if len(found) == MOST_HOSTS:
            break
    return tuple(found)


def _refused(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        match line.split():
            case [_, _, result, _, _, host, port, *_] if result.startswith(_REFUSED) and not host.endswith(OWN_DOMAIN):
                yield f"{host[:MOST_CHARACTERS]}:{port[:5]}".replace("%5B", "[").replace("%5D", "]")


def was_ready(lines: Iterable[str]) -> bool:
    """Tell whether the job's own end of the way asked the proxy for a first answer before the program started."""
    return any(f" {READY_HOST} 80 " in line for line in lines)
