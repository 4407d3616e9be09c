"""Invariant: what a student writes is text on the page. No script runs, nothing is asked for, nobody is led away."""

from pathlib import Path

import pytest

from harness.report.html.names import page_name
from tests.browser.axe import violations
from tests.browser.conftest import Opened, Watched
from tests.browser.hostile_class import BIG_LOG_BYTES, IDS

pytestmark = pytest.mark.browser
ALL = ("r13921001", *IDS)
TOUCH = """() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  for (const one of document.querySelectorAll("th button")) one.click();
  for (const one of document.querySelectorAll("*")) {
    one.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
    one.dispatchEvent(new FocusEvent("focus"));
  }
}"""


def stays_harmless(watched: Watched) -> None:
    page = watched.page
    before = page.url.partition("#")[0]
    page.evaluate(TOUCH)
    assert page.evaluate("window.hit") is None
    assert page.url.partition("#")[0] == before
    assert page.locator("script").count() == 1
    assert page.locator("style").count() == 1
    assert (
        page.locator("iframe, object, embed, base, img, main meta, main link, [onerror], [onload], [onfocus]").count()
        == 0
    )
    links = page.locator("a").evaluate_all("all => all.map((one) => one.protocol)")
    assert set(links) <= {"file:"}, links


def test_the_overview(hostile_report: Path, opened: Opened) -> None:
    watched = opened(hostile_report / "index.html")
    stays_harmless(watched)
    page = watched.page
    assert page.locator("#all tbody tr").count() == len(ALL)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shown = page.locator("#all tbody th").all_inner_texts()
    assert "\\u202efdp.exe" in shown, "the character that turns the direction is visible"
    assert "\u202e" not in page.content()
    assert violations(page) == []


@pytest.mark.parametrize("submission_id", ALL, ids=range(len(ALL)))
def test_each_page(hostile_report: Path, opened: Opened, submission_id: str) -> None:
    path = hostile_report / "students" / page_name(submission_id)
    watched = opened(path)
    stays_harmless(watched)
    assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_each_row_leads_to_its_page(hostile_report: Path, opened: Opened) -> None:
    page = opened(hostile_report / "index.html").page
    links = page.locator("#all tbody th a").evaluate_all("all => all.map((one) => one.href)")
    assert len(set(links)) == len(ALL)
    for link in links:
        page.goto(link)
        assert page.locator("h1 .standing").count() == 1


def test_a_log_of_ten_megabytes_makes_no_large_page(hostile_report: Path, opened: Opened) -> None:
    path = hostile_report / "students" / "r13921001.html"
    assert path.stat().st_size < BIG_LOG_BYTES / 20
    page = opened(path).page
    log = page.locator("details.log").filter(has_text="logs/run.stderr.log").first
    log.locator("summary").click()
    assert "10.0 MB" in log.inner_text()
    assert "left out here" in log.inner_text()
    assert "the very last line" in log.inner_text()


def test_predictions_that_are_none_are_shown_as_they_are(hostile_report: Path, opened: Opened) -> None:
    watched = opened(hostile_report / "students" / page_name(IDS[0]))
    log = watched.page.locator("details.log").filter(has_text="predictions.json").first
    log.locator("summary").click()
    assert '"\\ud800"' in log.inner_text()


def test_terminal_codes_are_left_out_or_visible(hostile_report: Path, opened: Opened) -> None:
    page = opened(hostile_report / "students" / page_name(IDS[1])).page
    log = page.locator("details.log").filter(has_text="logs/run.stderr.log").first
    log.locator("summary").click()
    assert "Terminal codes left out of what is shown: 2." in log.inner_text()
    assert "red \\x1b]0;title\\x07" in log.inner_text()
    assert not set(page.content()) & {"\x1b", "\x07", "\x00", "\u202e", "\u2066", "\u200b", "\ufeff"}
