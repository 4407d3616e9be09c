"""Who is to blame for a fetch that failed: a host that download.sh may reach, or else the submission.

What the proxy saw counts as it is. The words of download.sh and the pages that it brought can be forged, so they count
only where it reached an allowed host and was refused none, and words only where some answers went through a tunnel,
which nobody can look into. A cheat gains a later fetch, and the record says by what.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.language import Message, message
from harness.model.finding import Finding, has_error
from harness.sandbox.interface import Ended
from harness.stages.host_faults import host_failure
from harness.stages.hosts import HOST_SHOWN, lost_hosts
from harness.stages.pages import Page
from harness.text import visible

# What a host that fails can lead to. What a program did beyond its limits, or left wrongly, is its own doing.
BY_PROXY = message("the proxy saw it")
BY_WORDS = message("download.sh said so")
BY_PAGE = message("the page that it brought says so")
CONSEQUENCES = frozenset({"FET001", "FET002", "FET004", "FET013"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """A host's fault: in words without a full stop, and by what it is known."""

    what: Message
    known_by: Message
    unreached: bool = False


def blame(
    ended: Ended,
    findings: Sequence[Finding],
    *,
    allowed: Sequence[str],
    lines: Sequence[str],
    pages: Sequence[Page],
) -> Blame | None:
    """Find the host's fault for which a fetch failed, if there is one.

    Args:
        ended: How download.sh ended.
        findings: What the stage found.
        allowed: The assignment's hosts.
        lines: Standard error of download.sh, at least its end.
        pages: Web pages that it brought in place of files.
    """
    if not allowed or not has_error(findings) or not any(one.code in CONSEQUENCES for one in findings):
        return None
    if lost := lost_hosts(ended.unreached_hosts, allowed):
        names = tuple(dict.fromkeys(visible(one.rpartition(":")[0], HOST_SHOWN) for one in lost))
        what = message(
            "The grading machine cannot reach {hosts}, which the assignment lists: download.sh failed without it",
            hosts=names,
        )
        return Blame(what=what, known_by=BY_PROXY, unreached=True)
    if ended.refused_hosts or ended.unreached_hosts or ended.reached_hosts == ():
        return None
    for failing in ended.failing_hosts:
        what = message("`{host}` {how}", host=visible(failing.place, HOST_SHOWN), how=failing.how)
        return Blame(what=what, known_by=BY_PROXY)
    if any(one.code == "FET001" for one in findings):
        return None
    for page in pages:
        if page.kind in ("quota", "busy"):
            what = message(
                'The host answered with a page titled "{title}" in place of the file',
                title=visible(page.title, HOST_SHOWN),
            )
            return Blame(what=what, known_by=BY_PAGE)
    if ended.tunnelled_hosts == ():
        return None
    said = host_failure(lines)
    return Blame(what=said, known_by=BY_WORDS) if said else None
