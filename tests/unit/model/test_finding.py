"""Where a finding is, in two languages."""

import pytest

from harness.language import language
from harness.model.finding import Location


@pytest.mark.parametrize(
    ("where", "english", "chinese"),
    [
        (Location(path="run.sh", line=3), "run.sh:3", "run.sh:3"),
        (
            Location(path="predictions.json", line=2, column=5, pointer="/0/output"),
            "predictions.json:2:5 at /0/output",
            "predictions.json:2:5，位於 /0/output",
        ),
    ],
)
def test_place(where: Location, english: str, chinese: str) -> None:
    assert str(where) == where.words == english
    assert language("zh-TW").of(where.words) == chinese
