"""What the pages show. Plain data: made by `overview` and `student`, drawn by the templates."""

from dataclasses import dataclass
from typing import Literal

from harness.model.finding import Finding
from harness.model.result import Record, StageStatus
from harness.report.html.logs import Log
from harness.report.html.plots import Histogram, Ranges, Scatter
from harness.report.html.rows import Row, Standing
from harness.report.html.spread import Spread
from harness.report.html.tally import FindingFigures, StageFigures
from harness.report.html.times import UTC

Audience = Literal["staff", "public"]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What all pages of a report say of the run.

    Attributes:
        title: Of the assignment.
        name: Of the run.
        base_model: What the adapters were trained on.
        split: Which data they were graded on.
        thresholds: Perplexities of the assignment, by name; empty where they are not known any more.
        zone: That all times are shown in: the one of the late policy.
        notes: What could not be found, for the staff.
    """

    title: str
    name: str
    base_model: str
    split: str
    thresholds: dict[str, float]
    zone: str = UTC
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The first page. For the public, `rows` is empty, `few` true without figures, a count None where it is few.

    `places` are those that points need.
    """

    submissions: int
    standings: dict[Standing, int | None]
    rows: tuple[Row, ...]
    few: bool
    scores: Histogram | None
    score_spread: Spread | None
    points: Histogram | None
    points_spread: Spread | None
    possible: float
    places: int
    stages: tuple[StageFigures, ...]
    statuses: tuple[StageStatus, ...]
    times: Ranges | None
    memory: Ranges | None
    findings: tuple[FindingFigures, ...]
    outcomes: tuple[Standing, ...]
    graded_from: str
    graded_to: str
    sandboxes: tuple[str, ...]
    versions: tuple[str, ...]
    not_isolated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Another student's page."""

    id: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleLine:
    """One example of the test set; texts are None where they are not shown or not there."""

    id: str
    instruction: str | None = None
    reference: str | None = None
    prediction: str | None = None
    tokens: int | None = None
    base_perplexity: float | None = None
    perplexity: float | None = None
    chrf: float | None = None
    dropped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PerExample:
    """The score example by example: how it is spread, how often the adapter is better, and both side by side."""

    base: Spread
    adapter: Spread
    better: int
    plot: Scatter | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentPage:
    """One student's page.

    Attributes:
        row: The submission in short.
        record: Its record, made public for students; None where there is none to go by.
        reason: Why there is none.
        findings: Without those that compare with an earlier check, errors first.
        parity: What differs from that check.
        per_example: None without a score.
        examples: For the staff; for students only of public data, without texts.
        logs: Those that may be seen.
        previous: Who comes before, for the staff.
        next: Who comes after.
    """

    row: Row
    record: Record | None = None
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    parity: tuple[Finding, ...] = ()
    per_example: PerExample | None = None
    examples: tuple[ExampleLine, ...] = ()
    logs: tuple[Log, ...] = ()
    previous: Link | None = None
    next: Link | None = None
