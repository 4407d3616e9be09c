"""What the hosts that download.sh asked for mean for its findings, and which the machine cannot reach.

Must not run anything, nor know how a proxy found out.
"""

from collections.abc import Sequence
from dataclasses import replace

from harness.language import message
from harness.model.finding import Finding, finding, has_error
from harness.model.hosts import AllowedHost, parse_host
from harness.sandbox.interface import Ended
from harness.text import visible

HOST_SHOWN = 80
HTTPS_PORT = 443
BECAUSE_REFUSED = message("Probably because of the refused host above.")


def about_hosts(ended: Ended, allowed: Sequence[str], findings: Sequence[Finding]) -> list[Finding]:
    """Give the stage's findings with those about hosts: first what may be why it failed.

    Args:
        ended: How download.sh ended, with its hosts.
        allowed: The assignment's hosts.
        findings: The stage's other findings.
    """
    failed = has_error(findings)
    refused = refusal(ended.refused_hosts, allowed, failed=failed)
    silent = silence(ended.unreached_hosts)
    if not failed:
        return [*findings, *refused, *silent]
    rest = [replace(one, fix=BECAUSE_REFUSED) if refused and one.code == "FET002" else one for one in findings]
    return [*refused, *silent, *rest]


def refusal(refused: Sequence[str], allowed: Sequence[str], *, failed: bool) -> list[Finding]:
    """Give the finding that names the hosts which were refused, or none where none was.

    Args:
        refused: ``host:port``, as the program wrote them.
        allowed: The assignment's hosts.
        failed: Whether the stage failed, so that this may be why.
    """
    if not refused:
        return []
    limit = message(
        "HTTP (port 80) and HTTPS (port 443) to {hosts}; no private address that is not listed", hosts=tuple(allowed)
    )
    seen = message("download.sh was refused {hosts}.", hosts=_names(refused))
    return [finding("FET008" if failed else "FET009", seen, limit=limit)]


def silence(unreached: Sequence[str]) -> list[Finding]:
    """Give the finding that names allowed hosts which did not answer, or none where all did."""
    if not unreached:
        return []
    return [finding("FET010", message("{hosts} did not answer from the grading machine.", hosts=_names(unreached)))]


def lost_hosts(unreached: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Give those of the unreached places that are listed by their very name or address: no program can invent them."""
    hosts = [parse_host(one) for one in allowed]
    return [place for place in unreached if any(_is_listed(place, host) for host in hosts)]


def _is_listed(place: str, host: AllowedHost) -> bool:
    """Tell whether `host` is this very place, not one of many, of which a program can choose one that is not there.

    Of an entry without a port only HTTPS counts: many a host has port 80 closed, and a program can ask there.
    """
    name, _, port = place.rpartition(":")
    if port != str(host.port or HTTPS_PORT):
        return False
    if host.network is not None:
        return host.network.num_addresses == 1 and name.strip("[]").lower() == str(host.network.network_address)
    return host.kind == "name" and name.lower().removesuffix(".") == host.text


def _names(places: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"`{visible(one, HOST_SHOWN)}`" for one in places)
