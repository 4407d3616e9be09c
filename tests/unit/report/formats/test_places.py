"""Where a finding stands, as seen from a repository's root."""

import pytest

from harness.language import message
from harness.model.finding import Location, finding
from harness.report.formats.places import file_of


@pytest.mark.parametrize(
    ("path", "prefix", "seen"),
    [
        ("run.sh", "", "run.sh"),
        ("run.sh", "work/r13921031", "work/r13921031/run.sh"),
        ("/run.sh", "r13921031", "r13921031/run.sh"),
        ("../out/mine.json", "r13921031", "out/mine.json"),
        ("../mine.json", "", None),
        ("../../etc/passwd", "r13921031", None),
    ],
)
def test_paths_are_from_the_root_and_never_outside(path: str, prefix: str, seen: str | None) -> None:
    assert file_of(finding("VAL001", message("x"), where=Location(path=path)), prefix) == seen
