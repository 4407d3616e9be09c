"""A student's page in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from harness.batch.kept import Trusted, read_kept
from harness.batch.page_links import list_path, read_list
from harness.model.result import Outcome, Record
from tests.browser.axe import violations
from tests.browser.conftest import Made, Opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def records(class_run: Path) -> list[Record]:
    return [one.record for one in read_kept(class_run) if isinstance(one, Trusted)]


@pytest.fixture(scope="module")
def failed(records: list[Record]) -> Record:
    return next(one for one in records if {found.code for found in one.findings} >= {"RUN003"})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tag", ["en", "zh-TW"])
@pytest.mark.parametrize("audience", ["staff", "public"])
def test_axe_finds_nothing_grave(
    report: Made, opened: Opened, records: list[Record], failed: Record, audience: str, tag: str, scheme: str
) -> None:
    site = report(audience, tag)
    names = read_list(list_path(site))
    passed = next(one for one in records if one.outcome is Outcome.PASSED)
    for record in (passed, failed):
        name = names.get(record.submission.id, f"{record.submission.id}.html")
        page = opened(site / "students" / name, color_scheme=scheme).page
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.locator("html").get_attribute("lang") == tag
        assert violations(page) == []


def test_it_shows_verdict_findings_stages_and_score(report: Made, opened: Opened, failed: Record) -> None:
    page = opened(report() / "students" / f"{failed.submission.id}.html").page
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{failed.submission.id} errors found")
    assert failed.verdict is not None and failed.score is not None
    points = page.get_by_role("table", name="Points, line by line")
    for one in failed.verdict.points:
        expect(points).to_contain_text(one.reason)
    article = page.get_by_role("article").filter(has_text="RUN003")
    for words in ("run.sh ended with an error", "run.sh:7", "run.sh ended with exit code 1.", "How to fix it"):
        expect(article).to_contain_text(words)
    expect(article).to_contain_text("FileNotFoundError")
    expect(page.get_by_role("table", name="The stages,")).to_contain_text("perplexity")
    expect(page.get_by_role("table", name="Perplexity, lower")).to_contain_text(f"{failed.score.perplexity:.3f}")
    expect(page.get_by_role("img", name="Perplexity of each example")).to_be_visible()


def test_examples_stand_beside_references_and_sort(report: Made, opened: Opened, records: list[Record]) -> None:
    record = next(one for one in records if one.outcome is Outcome.PASSED)
    page = opened(report() / "students" / f"{record.submission.id}.html").page
    table = page.locator("#each-one")
    assert table.locator("tbody tr").count() == 40
    page.get_by_role("columnheader", name="Adapter").get_by_role("button").click()
    shown = [float(one) for one in table.locator("tbody tr > :nth-child(7)").all_inner_texts()]
    assert shown == sorted(shown)
    assert table.locator("tbody tr > :nth-child(4)").first.inner_text()


def test_pages_lead_to_each_other(report: Made, opened: Opened) -> None:
    page = opened(report() / "students" / "r13921001.html").page
    assert page.get_by_role("link", name="Previous:").count() == 0
    page.get_by_role("link", name="Next: r13921002").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("r13921002")
    page.get_by_role("link", name="Previous: r13921001").click()
    page.get_by_role("link", name="All submissions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Classical and modern Chinese")


def test_a_student_sees_neither_staff_details_nor_others(report: Made, opened: Opened, failed: Record) -> None:
    site = report("public")
    name = read_list(list_path(site))[failed.submission.id]
    page = opened(site / "students" / name).page
    expect(page.get_by_role("article").filter(has_text="RUN003")).not_to_contain_text("FileNotFoundError")
    assert page.locator("#each-one").count() == 0
    assert page.get_by_role("link", name="Next").count() == 0
    page.get_by_role("link", name="The whole class in figures").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Classical and modern Chinese")


def test_it_fits_a_phone_and_paper(report: Made, opened: Opened, failed: Record) -> None:
    page = opened(report() / "students" / f"{failed.submission.id}.html", viewport={"width": 360, "height": 740}).page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation")).to_be_hidden()
    assert len(page.pdf()) > 10_000
