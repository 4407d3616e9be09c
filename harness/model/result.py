"""What a stage and a whole grading leave behind. Mirrors `record.v1` and `receipt.v1` (a test holds them)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from harness.language import Message
from harness.model.extension import Extension
from harness.model.finding import Finding, Severity

NOTHING_RAN = "none"
NO_BASE = "none"


class StageStatus(StrEnum):
    """How a stage ended. `fault` is ours or the machine's and never costs the student a point."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    FAULT = "fault"


class Outcome(StrEnum):
    """How the whole grading ended: `failed` has error findings, `not_graded` had a fault of ours."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_GRADED = "not_graded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one container or process used, and how it ended (`receipt.v1`). Unknown figures are None.

    The last five are None without a GPU: which one it had, for how long, how long it computed there, its peak memory.
    """

    cause: str
    exit_code: int | None
    signal: int | None
    duration_s: float
    peak_memory_bytes: int | None
    sandbox: str
    image_id: str | None
    gpu_uuid: str | None = None
    gpu_name: str | None = None
    gpu_seconds: float | None = None
    gpu_busy_seconds: float | None = None
    peak_vram_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """One stage of one submission."""

    stage: str
    status: StageStatus
    summary: Message
    duration_s: float
    budget_s: float | None = None
    findings: tuple[Finding, ...] = ()
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of ours or the machine's: why a submission was not graded."""

    kind: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleScore:
    """Evidence of one example: `tokens` scored positions, `nll_nats` their summed negative log-likelihood."""

    id: str
    tokens: int
    nll_nats: float
    perplexity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Aggregates over the examples; the definitions are in `harness.scoring.definition`."""

    perplexity: float
    corpus_perplexity: float
    bits_per_character: float
    base_perplexity: float
    examples: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMetrics:
    """Predictions against references; `chrf` (chrF++) and `bleu` from 0 to 100, shares from 0 to 1.

    The definitions are in `harness.scoring.texts`; the signatures are sacrebleu's.
    """

    examples: int
    chrf: float
    chrf_signature: str
    bleu: float
    bleu_signature: str
    exact_match: float
    length_ratio: float
    empty: float
    copied: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """One line of the rubric, awarded or not, and why."""

    name: str
    earned: float
    possible: float
    reason: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Points of the rubric, the late penalty as points taken off, and the sum. `late_tokens` are the tokens spent."""

    points: tuple[Points, ...]
    late_penalty: float
    late_reason: Message
    late_tokens: int = 0
    total: float
    possible: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRef:
    """Which assignment text graded this: name, SHA-256 of the file, base model, data split and its SHA-256."""

    name: str
    sha256: str
    base_model: str
    split: Literal["public", "private"]
    data_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRef:
    """Who handed in what: id, name of what was given, SHA-256 of the unpacked tree and of the adapter.

    `submitted_at` (ISO 8601 with offset) and `extension` are what the late policy was applied to.
    """

    id: str
    source: str
    tree_sha256: str | None
    adapter_sha256: str | None
    submitted_at: str | None = None
    extension: Extension | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A file of the run folder, relative to the record, with its SHA-256."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegradedFrom:
    """The record that a regraded one was made from, and the examples that the score leaves out since."""

    record_sha256: str
    graded_at: str
    dropped_examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The whole result of one submission (`record.v1`)."""

    schema: Literal["record.v1"] = "record.v1"
    harness_version: str
    graded_at: str
    outcome: Outcome
    sandbox: str
    isolated: bool
    image_id: str | None
    assignment: AssignmentRef
    submission: SubmissionRef
    stages: tuple[StageResult, ...]
    score: Score | None
    text: TextMetrics | None = None
    verdict: Verdict | None
    fault: Fault | None
    evidence: tuple[Evidence, ...]
    regraded_from: RegradedFrom | None = None

    @property
    def quick(self) -> bool:
        """Whether it is of a quick check, which runs nothing."""
        return self.sandbox == NOTHING_RAN

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings in the order of the stages."""
        return tuple(one for stage in self.stages for one in stage.findings)

    @property
    def error_codes(self) -> tuple[str, ...]:
        """The codes of the findings that are errors, sorted, each once."""
        return tuple(sorted({one.code for one in self.findings if one.severity is Severity.ERROR}))
