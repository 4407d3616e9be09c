"""When a host is to blame for a fetch that failed, and by what that is known."""

from typing import Any

import pytest

from harness.model.finding import finding
from harness.sandbox.cause import Cause
from harness.sandbox.interface import Ended, FailingHost
from harness.stages.blame import Blame, blame
from harness.stages.pages import Page

ALLOWED = ("drive.google.com", ".hf.co", "files.example:8443", "10.1.2.3:80")
FAILED = [finding("FET002", "download.sh ended with exit code 1.")]
CURL = ["curl: (22) The requested URL returned error: 503"]
TUNNEL = {"reached_hosts": ("drive.google.com:443",), "tunnelled_hosts": ("drive.google.com:443",)}
PLAIN = {"reached_hosts": ("10.1.2.3:80",), "tunnelled_hosts": ()}
FAILING = {"failing_hosts": (FailingHost(place="10.1.2.3:80", how="answered 503"),)}
QUOTA = Page(path="a.zip", title="Google Drive - Quota exceeded", kind="quota")


def ended(**hosts: Any) -> Ended:
    return Ended(cause=Cause.EXITED, exit_code=1, signal=None, duration_s=1.0, peak_memory_bytes=None, **hosts)


def found(seen: Ended, code: str = "FET002", **changes: Any) -> Blame | None:
    given: dict[str, Any] = {"allowed": ALLOWED, "lines": [], "pages": [], **changes}
    return blame(seen, [finding(code, "x")], **given)


@pytest.mark.parametrize(
    "place", ["drive.google.com:443", "Drive.Google.com.:443", "files.example:8443", "10.1.2.3:80"]
)
@pytest.mark.parametrize("code", ["FET001", "FET002", "FET004"])
def test_a_listed_host_out_of_reach(place: str, code: str) -> None:
    words = (
        f"The grading machine cannot reach {place.rpartition(':')[0]}, which the assignment lists: "
        "download.sh failed without it"
    )
    seen = found(ended(unreached_hosts=("x.hf.co:443", place)), code)
    assert seen == Blame(what=words, known_by="the proxy saw it", unreached=True)


@pytest.mark.parametrize(
    ("seen", "changes", "what", "known_by"),
    [
        ({**PLAIN, **FAILING}, {}, "`10.1.2.3:80` answered 503", "the proxy saw it"),
        ({**PLAIN, **FAILING}, {"code": "FET001"}, "`10.1.2.3:80` answered 503", "the proxy saw it"),
        (TUNNEL, {"lines": CURL}, "The host answered 503", "download.sh said so"),
        ({}, {"lines": CURL}, "The host answered 503", "download.sh said so"),
        (
            TUNNEL,
            {"pages": [QUOTA], "code": "FET013"},
            'The host answered with a page titled "Google Drive - Quota exceeded" in place of the file',
            "the page that it brought says so",
        ),
    ],
    ids=["proxy", "proxy at the deadline", "words", "words where nobody looked", "page"],
)
def test_a_host_that_failed(seen: dict[str, Any], changes: dict[str, Any], what: str, known_by: str) -> None:
    assert found(ended(**seen), **changes) == Blame(what=what, known_by=known_by)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "changes"),
    [
        (TUNNEL, {}),
        (TUNNEL, {"lines": CURL, "allowed": ()}),
        (TUNNEL, {"lines": CURL, "code": "FET001"}),
        ({**TUNNEL, **FAILING}, {"code": "FET003"}),
        ({**TUNNEL, "refused_hosts": ("a.example:443",)}, {"lines": CURL}),
        ({**TUNNEL, **FAILING, "refused_hosts": ("a.example:443",)}, {}),
        ({**TUNNEL, "unreached_hosts": ("invented.hf.co:443",)}, {"lines": CURL}),
        ({"reached_hosts": (), "tunnelled_hosts": ()}, {"lines": CURL, "pages": [QUOTA]}),
        (PLAIN, {"lines": CURL}),
        (TUNNEL, {"pages": [Page(path="a.zip", title="Sign in", kind="closed")], "code": "FET013"}),
    ],
    ids=[
        "nothing said",
        "no hosts allowed",
        "words at the deadline",
        "beyond a limit",
        "a refused host and words",
        "a refused host and the proxy",
        "an invented host",
        "forged: no host reached",
        "forged: the proxy saw all answers",
        "a page behind a sign-in",
    ],
)
def test_what_is_the_submissions_own(seen: dict[str, Any], changes: dict[str, Any]) -> None:
    assert found(ended(**seen), **changes) is None


def test_what_went_well_is_nobodys_fault() -> None:
    assert blame(ended(**TUNNEL, **FAILING), [], allowed=ALLOWED, lines=CURL, pages=[QUOTA]) is None
    warned = [finding("FET009", "x")]
    assert blame(ended(**TUNNEL, **FAILING), warned, allowed=ALLOWED, lines=CURL, pages=[]) is None


def test_hostile_text_is_shown_harmless() -> None:
    page = Page(path="x", title="Google Drive - Quota exceeded\x1b[31m", kind="quota")
    seen = found(ended(**TUNNEL), "FET013", pages=[page])
    assert seen is not None and "\\x1b[31m" in seen.what
