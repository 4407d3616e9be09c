"""What is said of hosts that download.sh was refused."""

import pytest

from harness.model.finding import Severity
from harness.stages.fetch import refusal

ALLOWED = ("drive.google.com", ".hf.co")


def test_nothing_refused_nothing_said() -> None:
    assert refusal((), ALLOWED, failed=True) is None


@pytest.mark.parametrize(
    ("failed", "code", "severity"), [(True, "FET008", Severity.ERROR), (False, "FET009", Severity.WARNING)]
)
def test_the_hosts_are_named_with_limit_and_remedy(failed: bool, code: str, severity: Severity) -> None:
    found = refusal(("a.example:443", "b.example:21"), ALLOWED, failed=failed)
    assert found is not None
    assert (found.code, found.severity) == (code, severity)
    assert found.seen == "download.sh was refused `a.example:443`, `b.example:21`."
    assert found.limit == (
        "HTTP (port 80) and HTTPS (port 443) to drive.google.com, .hf.co; no private address that is not listed"
    )
    assert "ask the course staff to add the host" in found.fix


def test_a_hostile_name_is_shown_harmless() -> None:
    found = refusal(("\x1b[31mred‮:443", "x" * 500), ALLOWED, failed=True)
    assert found is not None
    assert "`\\x1b[31mred\\u202e:443`" in found.seen
    assert len(found.seen) < 200
