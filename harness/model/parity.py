"""What a check leaves for the student to pack along, so that grading can say what differs. Mirrors `parity.v1`.

Nobody vouches for it: it is compared, and never counts for or against anyone.
"""

from dataclasses import dataclass
from typing import Literal

from harness.model.result import Outcome, StageStatus

RECEIPT = "check_receipt.json"
MOST_FILES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityFile:
    """A file of the submission: path, kind (`x` executable, `-` not, `l` a link), SHA-256."""

    path: str
    kind: Literal["x", "-", "l"]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityStage:
    """How a stage ended, how long it took, what it used at most; None where that is not known."""

    stage: str
    status: StageStatus
    duration_s: float
    budget_s: float | None
    peak_memory_bytes: int | None
    peak_vram_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """A check in short (`parity.v1`). `files` is empty where there were more than `MOST_FILES`."""

    schema: Literal["parity.v1"] = "parity.v1"
    harness_version: str
    checked_at: str
    outcome: Outcome
    sandbox: str
    image_id: str | None
    assignment: str
    assignment_sha256: str
    base_model: str
    data_sha256: str
    tree_sha256: str | None
    files: tuple[ParityFile, ...]
    adapter_sha256: str | None
    perplexity: float | None
    examples: int | None
    stages: tuple[ParityStage, ...]
    packages: dict[str, str]
