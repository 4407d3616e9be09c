"""Which hosts a stage may reach: the entries of an assignment's `hosts` as data. Knows no proxy and reads no file."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_PORT = re.compile(r"(?P<host>.+):(?P<port>[0-9]{1,5})")
_MAX_NAME = 253
_LEAST_PREFIX = {4: 8, 6: 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedHost:
    """One entry.

    Attributes:
        kind: `name` is one host, `domain` a host and all below it, `network` addresses, `any` every public host.
        text: The name in lower case without a leading dot; of a network its CIDR; ``*``.
        port: The only port, or None for 80 with HTTP and 443 with HTTPS.
    """

    kind: Literal["name", "domain", "network", "any"]
    text: str
    port: int | None = None

    @property
    def network(self) -> Network | None:
        """The addresses, where the entry is a network."""
        return ipaddress.ip_network(self.text) if self.kind == "network" else None


def parse_host(entry: str) -> AllowedHost:
    """Read one entry: ``name``, ``.domain``, an address or CIDR, each with ``:port`` if wanted, or ``*``.

    Raises:
        ValueError: It is none of them; the message says what to write instead.
    """
    if entry == "*":
        return AllowedHost(kind="any", text="*")
    host, port = _split(entry)
    if network := _network(host):
        _refuse_senseless(network)
        return AllowedHost(kind="network", text=str(network), port=port)
    name = host.removeprefix(".").lower()
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name) or name.rpartition(".")[2].isdigit():
        raise ValueError(_hint(entry))
    return AllowedHost(kind="domain" if host.startswith(".") else "name", text=name, port=port)


def _hint(entry: str) -> str:
    """Say what to write in the place of what is no host."""
    bare = re.sub(r"^[a-z]+://", "", entry, flags=re.IGNORECASE).partition("/")[0]
    if entry.startswith("*."):
        return f"write {entry[1:]} for a domain and all below it"
    if "/" in entry and _network_of_host(entry) is not None:
        return f"write {_network_of_host(entry)}, the network that this address lies in, or the address alone"
    if bare != entry and _NAME.fullmatch(bare.lower()):
        return f"write the host alone: {bare.lower()}"
    if not entry.isascii():
        return "write a name with other letters as DNS has it, in the form xn--..."
    return "write a name such as drive.google.com, .example.org for a whole domain, or an address"


def _network_of_host(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _split(entry: str) -> tuple[str, int | None]:
    """Take the port off; an IPv6 address with a port stands in brackets."""
    if _network(entry):
        return entry, None
    host, port = entry, None
    if found := _PORT.fullmatch(entry):
        host, port = found["host"], int(found["port"])
        if not 0 < port < 65_536:
            raise ValueError("write a port from 1 to 65535")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], port
    if port is not None and _network(host) and ":" in host:
        raise ValueError(f"write an IPv6 address with a port in brackets: [{host}]:{port}")
    return host, port


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _refuse_senseless(network: Network) -> None:
    if network.prefixlen < _LEAST_PREFIX[network.version]:
        raise ValueError('write a smaller network, or "*" for every public host')
    if network.is_loopback or network.is_multicast or network.is_unspecified:
        raise ValueError("write an address of another machine: the proxy would look for this one in its own container")
