"""What the public is told of a class: no figure behind which fewer than five stand."""

import re
from dataclasses import replace

import pytest

from harness.language import language
from harness.model.finding import finding
from harness.model.result import Outcome, Record
from harness.report.html.overview import overview
from harness.report.html.rows import Standing
from harness.report.html.site import Site
from harness.report.html.tally import Tally
from harness.report.html.views import About, Audience, Overview

ABOUT = About(title="Homework", name="fall", base_model="Qwen3-4B", split="private", thresholds={"strong": 10.0})


def scored(record: Record, perplexity: float, points: float = 0.0) -> Record:
    assert record.score and record.verdict
    score = replace(record.score, perplexity=perplexity)
    return replace(record, score=score, verdict=replace(record.verdict, total=points))


def unscored(record: Record) -> Record:
    return replace(record, outcome=Outcome.NOT_GRADED, stages=(), score=None, verdict=None)


def page_of(*records: Record, audience: Audience = "public") -> tuple[Overview, str]:
    tally = Tally()
    for number, record in enumerate(records):
        tally.add(record, page=f"{number}.html")
    page = overview(tally, ABOUT, audience=audience)
    return page, Site(ABOUT, audience=audience, t=language("en")).index(page)


def test_one_score_among_many_submissions_is_not_public(record: Record) -> None:
    records = [scored(record, 915.25, 3.75), *[unscored(record)] * 7]
    page, text = page_of(*records)
    assert (page.score_spread, page.points_spread, page.scores, page.points) == (None, None, None, None)
    assert "915" not in text and "3.75" not in text
    assert "RUN003" not in text
    assert "too few submissions to show figures" in text and "No submission has" not in text
    assert not [one for one in page.stages if one.duration_s or one.memory_bytes or one.gpu_seconds]
    assert (page.times, page.memory) == (None, None)
    _, staff = page_of(*records, audience="staff")
    assert "915" in staff and "RUN003" in staff


def test_counts_of_few_are_not_public(record: Record) -> None:
    page, text = page_of(*[record] * 5, *[replace(record, outcome=Outcome.PASSED)] * 4)
    assert (page.standings[Standing.FAILED], page.standings[Standing.PASSED]) == (5, None)
    assert page.standings[Standing.MISSING] == 0
    assert "&lt; 5" in text
    odd = replace(record, stages=tuple(replace(one, stage="odd") for one in record.stages[:1]))
    page, _ = page_of(*[record] * 5, odd)
    (stage,) = (one for one in page.stages if one.stage == "odd")
    assert set(stage.ended.values()) == {None, 0} and stage.duration_s is None


def test_codes_of_few_are_not_public(record: Record) -> None:
    stage = replace(record.stages[1], findings=(finding("INT013", "x"),))
    page, text = page_of(*[record] * 5, *[replace(record, stages=(stage,))] * 4)
    assert [one.code for one in page.findings] == ["RUN003"]
    assert "INT013" not in text


@pytest.mark.parametrize("count", [5, 9, 12, 60, 200])
def test_the_ends_are_not_public(record: Record, count: int) -> None:
    """The best and the worst are far from all others, and nothing on the page says where."""
    between = [8 + 6 * number / count for number in range(count - 2)]
    records = [scored(record, one, one / 4) for one in [1.23456, *between, 987.654]]
    page, text = page_of(*records)
    assert page.score_spread is not None
    assert (page.score_spread.least, page.score_spread.most) == (None, None)
    assert (page.score_spread.p90 is not None) is (count >= 40)
    (shown,) = re.findall("<main.*</main>", text, re.DOTALL)
    assert not re.search(r"\b1\.23|98[78]\b|from .* to ", re.sub(r"<(rect|line|text|svg)[^>]*>", "", shown))
    assert (page.scores is not None) is (count >= 12)
    for plot in (page.scores, page.points):
        if plot:
            assert min(one.count for one in plot.bars) >= 5
            assert sum(one.count for one in plot.bars) == count
            assert (plot.bars[0].low, plot.bars[-1].high) == (None, None)
            assert plot.x.high < 100


def test_the_staff_sees_all_of_it(record: Record) -> None:
    page, text = page_of(scored(record, 1.23456), scored(record, 987.654), audience="staff")
    assert page.score_spread is not None
    assert (page.score_spread.least, page.score_spread.most) == (1.23456, 987.654)
    assert "2 scored: median 494, from 1.23 to 988." in text
