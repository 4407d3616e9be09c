"""Counts the records of a run one by one, so that none has to be kept. Must not know what a page looks like."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from harness.model.catalogue import CATALOGUE
from harness.model.finding import Finding
from harness.model.result import Record, StageResult, StageStatus
from harness.report.html.rows import Row, Standing, row_of
from harness.report.html.spread import Spread, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFigures:
    """One stage over all submissions: how it ended (None: few, not told how many), and what it used where it ran."""

    stage: str
    ended: dict[StageStatus, int | None]
    duration_s: Spread | None
    budget_s: float | None
    memory_bytes: Spread | None
    vram_bytes: Spread | None
    gpu_seconds: float | None
    gpu_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFigures:
    """One code of the catalogue: how many submissions have it."""

    code: str
    severity: str
    title: str
    submissions: int


@dataclass(slots=True)
class _Stage:
    ended: Counter[StageStatus] = field(default_factory=Counter)
    durations_s: list[float] = field(default_factory=list)
    budget_s: float | None = None
    memory_bytes: list[float] = field(default_factory=list)
    vram_bytes: list[float] = field(default_factory=list)
    gpu_seconds: list[float] = field(default_factory=list)


class Tally:
    """What is known of the records so far."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.graded_at: list[str] = []
        self.sandboxes: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.not_isolated = 0
        self.possible = 0.0
        self._stages: defaultdict[str, _Stage] = defaultdict(_Stage)
        self._found: Counter[str] = Counter()
        self._titles: dict[str, Finding] = {}

    def add(self, record: Record, *, page: str) -> Row:
        """Count a record in; give its row."""
        row = row_of(record, page=page)
        self.rows.append(row)
        self.graded_at.append(record.graded_at)
        self.sandboxes[record.sandbox] += 1
        self.versions[record.harness_version] += 1
        self.not_isolated += not record.isolated
        self.possible = max(self.possible, record.verdict.possible if record.verdict else 0.0)
        for stage in record.stages:
            self._add_stage(self._stages[stage.stage], stage)
        for one in {each.code: each for each in record.findings}.values():
            self._found[one.code] += 1
            self._titles.setdefault(one.code, one)
        return row

    def add_other(self, submission_id: str, standing: Standing, *, page: str) -> Row:
        """Count a submission that has no record to go by."""
        row = Row(id=submission_id, page=page, standing=standing)
        self.rows.append(row)
        return row

    @property
    def standings(self) -> dict[Standing, int]:
        """How many stand how; all kinds are named."""
        counts = Counter(one.standing for one in self.rows)
        return {one: counts[one] for one in Standing}

    @property
    def perplexities(self) -> list[float]:
        """All that are known."""
        return [one.perplexity for one in self.rows if one.perplexity is not None]

    @property
    def totals(self) -> list[float]:
        """Points of all that have some."""
        return [one.total for one in self.rows if one.total is not None]

    @property
    def stages(self) -> tuple[StageFigures, ...]:
        """All stages in the order they were met."""
        return tuple(
            StageFigures(
                stage=name,
                ended={status: one.ended[status] for status in StageStatus},
                duration_s=spread(one.durations_s),
                budget_s=one.budget_s,
                memory_bytes=spread(one.memory_bytes),
                vram_bytes=spread(one.vram_bytes),
                gpu_seconds=sum(one.gpu_seconds) if one.gpu_seconds else None,
                gpu_count=len(one.gpu_seconds),
            )
            for name, one in self._stages.items()
        )

    @property
    def findings(self) -> tuple[FindingFigures, ...]:
        """All codes, the most frequent first."""
        return tuple(
            FindingFigures(
                code=code,
                severity=self._titles[code].severity.value,
                title=CATALOGUE[code].title if code in CATALOGUE else self._titles[code].title,
                submissions=count,
            )
            for code, count in sorted(self._found.items(), key=lambda one: (-one[1], one[0]))
        )

    def _add_stage(self, sums: _Stage, stage: StageResult) -> None:
        sums.ended[stage.status] += 1
        if stage.status not in {StageStatus.PASSED, StageStatus.FAILED}:
            return
        sums.durations_s.append(stage.duration_s)
        sums.budget_s = stage.budget_s or sums.budget_s
        receipt = stage.receipt
        for values, value in (
            (sums.memory_bytes, receipt and receipt.peak_memory_bytes),
            (sums.vram_bytes, receipt and receipt.peak_vram_bytes),
            (sums.gpu_seconds, receipt and receipt.gpu_seconds),
        ):
            if value:
                values.append(value)
