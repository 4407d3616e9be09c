"""A class of a thousand: the table must answer at once. benchmarks/report.py measures; here are the bounds."""

from pathlib import Path

import pytest

from benchmarks.class_of_records import Class
from benchmarks.report import ACTS, opened_ms, timed_ms
from tests.browser.conftest import HOMEWORK, Opened, written

pytestmark = [pytest.mark.browser, pytest.mark.slow]
INTERACTIVE_MS = 3_000
ANSWERED_MS = 1_000


def test_a_thousand_rows_answer_at_once(tmp_path: Path, root: Path, opened: Opened) -> None:
    Class(root=tmp_path / "run", assignment=root / HOMEWORK).write(1_000)
    index = written(tmp_path / "run", tmp_path / "report") / "index.html"
    page = opened(index).page
    assert page.locator("#all tbody tr").count() == 1_000
    assert opened_ms(page, index) < INTERACTIVE_MS
    for name, act in ACTS.items():
        assert timed_ms(page, act) < ANSWERED_MS, name
