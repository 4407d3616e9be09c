"""What is said of hosts that download.sh was refused or that did not answer, and which the machine cannot reach."""

from typing import Any

import pytest

from harness.model.finding import Severity, finding
from harness.sandbox.cause import Cause
from harness.sandbox.interface import Ended
from harness.stages.hosts import about_hosts, lost_hosts, refusal

ALLOWED = ("drive.google.com", ".hf.co", "files.example:8443", "10.1.2.3:80", "10.2.0.0/16")
FAILED = finding("FET002", "download.sh ended with exit code 1.")


def ended(**hosts: Any) -> Ended:
    return Ended(cause=Cause.EXITED, exit_code=1, signal=None, duration_s=1.0, peak_memory_bytes=None, **hosts)


def test_nothing_refused_nothing_said() -> None:
    assert refusal((), ALLOWED, failed=True) == []
    assert about_hosts(ended(), ALLOWED, [FAILED]) == [FAILED]


@pytest.mark.parametrize(
    ("failed", "code", "severity"), [(True, "FET008", Severity.ERROR), (False, "FET009", Severity.WARNING)]
)
def test_the_hosts_are_named_with_limit_and_remedy(failed: bool, code: str, severity: Severity) -> None:
    (found,) = refusal(("a.example:443", "b.example:21"), ALLOWED[:2], failed=failed)
    assert (found.code, found.severity) == (code, severity)
    assert found.seen == "download.sh was refused `a.example:443`, `b.example:21`."
    assert found.limit == (
        "HTTP (port 80) and HTTPS (port 443) to drive.google.com, .hf.co; no private address that is not listed"
    )
    assert "ask the course staff to add the host" in found.fix


def test_a_hostile_name_is_shown_harmless() -> None:
    (found,) = refusal(("\x1b[31mred\u202e:443", "x" * 500), ALLOWED, failed=True)
    assert "`\\x1b[31mred\\u202e:443`" in found.seen
    assert len(found.seen) < 200


def test_what_is_probably_the_reason_comes_first() -> None:
    found = about_hosts(ended(refused_hosts=("a.example:443",)), ALLOWED, [FAILED])
    assert [one.code for one in found] == ["FET008", "FET002"]
    assert found[1].fix == "Probably because of the refused host above."


@pytest.mark.parametrize(
    "place",
    [
        "invented.hf.co:443",
        "drive.google.com:80",
        "drive.google.com:8443",
        "files.example:443",
        "10.2.3.4:443",
        "sub.drive.google.com:443",
        "drive.google.com",
    ],
)
def test_what_a_student_can_choose_is_told_and_no_fault(place: str) -> None:
    assert lost_hosts((place,), ALLOWED) == []
    silent, failed = about_hosts(ended(unreached_hosts=(place,)), ALLOWED, [FAILED])
    assert (silent.code, silent.severity, failed) == ("FET010", Severity.WARNING, FAILED)
    assert silent.seen == f"`{place}` did not answer from the grading machine."
    assert "tell the course staff" in silent.fix


@pytest.mark.parametrize("code", ["FET003", "FET005", "FET006", "FET007"])
def test_what_a_program_did_itself_stays_its_own(code: str) -> None:
    found = about_hosts(ended(unreached_hosts=("drive.google.com:443",)), ALLOWED, [finding(code, "x")])
    assert [one.code for one in found] == ["FET010", code]


def test_any_host_is_no_listed_host() -> None:
    assert lost_hosts(("drive.google.com:443",), ("*",)) == []
    found = about_hosts(ended(unreached_hosts=("drive.google.com:443",)), ("*",), [FAILED])
    assert [one.code for one in found] == ["FET010", "FET002"]


def test_a_download_that_went_well_without_a_host_is_told() -> None:
    found = about_hosts(ended(unreached_hosts=("drive.google.com:443",)), ALLOWED, [])
    assert [one.code for one in found] == ["FET010"]
