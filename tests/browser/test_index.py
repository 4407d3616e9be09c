"""The first page of a report in a real browser: it shows, sorts, filters, remembers, prints, and is usable by all."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import Made, Opened, written

pytestmark = pytest.mark.browser
PERPLEXITY, POINTS = 4, 3


def ids(page: Page) -> list[str]:
    return [one.strip() for one in page.locator("#all tbody tr:visible th").all_inner_texts()]


def cells(page: Page, column: int) -> list[str]:
    return page.locator(f"#all tbody tr:visible > :nth-child({column})").all_inner_texts()


def sort_by(page: Page, name: str) -> None:
    page.get_by_role("columnheader", name=name).get_by_role("button").click()


def test_it_shows_the_class(report: Made, opened: Opened) -> None:
    page = opened(report() / "index.html").page
    expect(page.get_by_role("heading", level=1)).to_have_text("Classical and modern Chinese")
    assert page.locator("html").get_attribute("lang") == "en"
    assert len(ids(page)) == 40
    expect(page.get_by_role("img", name="Perplexity of the adapters")).to_be_visible()
    marks = page.get_by_role("img", name="Perplexity of the adapters").locator(".name").all_text_contents()
    assert marks == ["strong 10", "public 20"]
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("table", name="Perplexity of the adapters")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tag", ["en", "zh-TW"])
@pytest.mark.parametrize("audience", ["staff", "public"])
def test_axe_finds_nothing_grave(report: Made, opened: Opened, audience: str, tag: str, scheme: str) -> None:
    page = opened(report(audience, tag) / "index.html", color_scheme=scheme).page
    assert page.locator("html").get_attribute("lang") == tag
    assert violations(page) == []


def test_columns_sort_both_ways_and_say_so(report: Made, opened: Opened) -> None:
    page = opened(report() / "index.html").page
    sort_by(page, "Perplexity")
    shown = [one for one in cells(page, PERPLEXITY) if one != "–"]
    assert [float(one.replace(",", "")) for one in shown] == sorted(float(one.replace(",", "")) for one in shown)
    assert cells(page, PERPLEXITY)[-1] == "–", "what is not known comes last"
    expect(page.get_by_role("columnheader", name="Perplexity")).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("columnheader", name="Id")).not_to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("status")).to_have_text("40 of 40 shown · sorted by Perplexity · ascending")
    sort_by(page, "Perplexity")
    assert cells(page, PERPLEXITY)[: len(shown)] == shown[::-1]
    assert cells(page, PERPLEXITY)[-1] == "–", "in either order"
    expect(page.get_by_role("columnheader", name="Perplexity")).to_have_attribute("aria-sort", "descending")


def test_the_table_is_filtered_by_text_outcome_and_finding(report: Made, opened: Opened) -> None:
    page = opened(report() / "index.html").page
    page.get_by_label("Text", exact=True).fill("1392100")
    assert ids(page) == [f"r1392100{number}" for number in range(1, 10)]
    page.get_by_label("Outcome").select_option("failed")
    assert set(cells(page, 2)) <= {"errors found"}
    page.get_by_role("button", name="Show all").click()
    assert len(ids(page)) == 40
    page.get_by_label("Finding", exact=True).select_option("RUN003")
    assert cells(page, 5) and all("RUN003" in one for one in cells(page, 5))
    page.get_by_label("Text", exact=True).fill("nobody")
    expect(page.get_by_text("No submission fits the filter.")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("0 of 40 shown")


def test_the_address_keeps_what_is_shown(report: Made, opened: Opened) -> None:
    watched = opened(report() / "index.html", fragment="#outcome=failed&sort=points&dir=descending")
    page = watched.page
    shown = [float(one) for one in cells(page, POINTS)]
    assert shown == sorted(shown, reverse=True)
    assert page.get_by_label("Outcome").input_value() == "failed"
    page.get_by_label("Text", exact=True).fill("r139")
    kept = page.evaluate("location.hash")
    assert kept == "#sort=points&dir=descending&q=r139&outcome=failed"
    page.reload()
    assert [float(one) for one in cells(page, POINTS)] == shown
    assert page.get_by_label("Text", exact=True).input_value() == "r139"


def test_an_address_that_names_nothing_shows_everything(report: Made, opened: Opened) -> None:
    page = opened(report() / "index.html", fragment="#outcome=none&sort=nothing&dir=up&code=%00&x=1").page
    assert len(ids(page)) == 40


def test_figures_lead_to_their_rows(report: Made, opened: Opened) -> None:
    page = opened(report() / "index.html").page
    page.get_by_role("link", name="errors found: ").click()
    expect(page.get_by_label("Outcome")).to_have_value("failed")  # the page hears of a new address a moment later
    assert set(cells(page, 2)) == {"errors found"}
    page.get_by_role("link", name="RUN003").click()
    expect(page.get_by_label("Finding", exact=True)).to_have_value("RUN003")
    assert cells(page, 5) and all("RUN003" in one for one in cells(page, 5))


def test_keys_alone_are_enough(report: Made, opened: Opened) -> None:
    page = opened(report() / "index.html").page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_label("Text", exact=True).focus()
    for _ in range(5):  # outcome, finding, show all, the region that scrolls, the first column
        page.keyboard.press("Tab")
    expect(page.get_by_role("columnheader", name="Id").get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    assert ids(page)[0] == "r13921040"


def test_without_script_it_is_a_plain_table(report: Made, opened: Opened) -> None:
    page = opened(report() / "index.html", java_script_enabled=False).page
    expect(page.get_by_role("search")).to_be_hidden()
    assert page.locator("#all tbody tr").count() == 40


def test_it_fits_a_phone(report: Made, opened: Opened) -> None:
    page = opened(report() / "index.html", viewport={"width": 360, "height": 740}).page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_prints_without_what_is_of_no_use_on_paper(report: Made, opened: Opened) -> None:
    paper = {"width": 718, "height": 1040}  # A4 with a margin of 1 cm
    page = opened(report() / "index.html", color_scheme="dark", viewport=paper).page
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.get_by_role("search")).to_be_hidden()
    expect(page.get_by_role("navigation")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert len(page.pdf()) > 10_000


def test_the_public_page_names_nobody(report: Made, opened: Opened) -> None:
    page = opened(report("public") / "index.html").page
    expect(page.get_by_role("img", name="Points")).to_be_visible()
    assert page.locator("#all").count() == 0
    assert page.get_by_role("link").filter(has_text="r1392").count() == 0
    assert "r1392" not in page.content()


def test_a_real_run_shows(root: Path, tmp_path: Path, opened: Opened) -> None:
    run = root / "build" / "demo" / "run"
    if not (run / "run.json").is_file():
        pytest.skip("no graded run: make demo makes one")
    page = opened(written(run, tmp_path / "report") / "index.html").page
    page.get_by_role("link", name="r13921031").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("r13921031 passed")
    expect(page.get_by_role("table", name="Points, line by line")).to_contain_text("10 / 10")
    assert violations(page) == []
