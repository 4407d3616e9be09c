"""What every stage of a run is given, and the folders of one submission. Must not decide anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from harness.intake.adapter.base import BaseShapes
from harness.intake.downloads.store import DownloadStore
from harness.model.assignment import Assignment, BaseModel, Example
from harness.model.parity import RECEIPT
from harness.sandbox.interface import Sandbox
from harness.stages.retries import Retries
from harness.stages.scorer import Scorer

PREDICTIONS = "predictions.json"
"""What run.sh writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The folders of one submission.

    Attributes:
        scratch: Thrown away after grading; parts of it are mounted into containers.
        kept: Stays in the run folder; never mounted into a container.
        adapter: The admitted adapter, out of the student's reach: a sanitised config and the weights. Thrown away too;
            the scorer sees the folder that holds the adapters of all submissions.
    """

    scratch: Path
    kept: Path
    adapter: Path

    @property
    def tree(self) -> Path:
        """The unpacked submission: code, scripts and what download.sh fetched."""
        return self.scratch / "submission"

    @property
    def input(self) -> Path:
        """Folder with the test input, without outputs."""
        return self.scratch / "input"

    @property
    def logs(self) -> Path:
        """Standard output and error of every program."""
        return self.kept / "logs"

    @property
    def evidence(self) -> Path:
        """What the grade can be computed from again."""
        return self.kept / "evidence"

    @property
    def predictions(self) -> Path:
        """The predictions as run.sh wrote them."""
        return self.kept / PREDICTIONS

    @property
    def prompts(self) -> Path:
        """The prompts that the student's get_prompt made."""
        return self.evidence / "prompts.json"

    @property
    def score(self) -> Path:
        """Per-example NLL of adapter and base model, and the aggregates."""
        return self.evidence / "score.json"

    @property
    def compare(self) -> Path:
        """The text metrics, and chrF++ of each example."""
        return self.evidence / "compare.json"

    @property
    def tree_digest(self) -> Path:
        """SHA-256 of the submission as it was handed in."""
        return self.evidence / "submission.sha256"

    @property
    def files(self) -> Path:
        """The files of the submission as it was handed in, with their digests."""
        return self.evidence / "submission_files.json"

    @property
    def packed_receipt(self) -> Path:
        """The receipt of a check that the submission holds, if it could be read."""
        return self.evidence / "packed_receipt.json"

    @property
    def receipt(self) -> Path:
        """What a check tells the student to pack along."""
        return self.kept / RECEIPT

    @property
    def adapter_digest(self) -> Path:
        """SHA-256 of the admitted weights."""
        return self.evidence / "adapter.sha256"

    @property
    def sketch(self) -> Path:
        """What is kept of the admitted weights, to compare them with others."""
        return self.evidence / "adapter_sketch.json"

    def make(self) -> None:
        """Make the folders that the stages expect."""
        for folder in (self.scratch, self.input, self.logs, self.evidence):
            folder.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What holds for all submissions of a run, but for sandbox and scorer: those of the place where a stage works.

    Attributes:
        examples: The test set. Its outputs never enter a container that runs student code.
        base_path: Host folder of the base model; None in a quick check without one.
        base_shapes: Shapes of its linear layers, which adapters must fit; None in a quick check without a base model.
        harness_package: Host folder of this package, mounted where our own code runs inside a container.
        scorer: The warm scoring worker; the score stage has one.
        packages: Versions of the Python packages that a submission's programs meet, as far as they are known.
        downloads: Where fetches are recorded and replayed from, or None: each runs download.sh.
        fetch_again: Run download.sh though a recording is there, and tell what differs.
        retries: How a fetch that a host failed is tried again.
        sketches: Whether a sketch of the adapter is made; a quick check keeps no evidence, and it takes seconds.
    """

    assignment: Assignment
    base: BaseModel
    base_path: Path | None
    base_shapes: BaseShapes | None
    examples: tuple[Example, ...]
    split: Literal["public", "private"]
    sandbox: Sandbox
    harness_package: Path
    scorer: Scorer | None = None
    packages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    downloads: DownloadStore | None = None
    fetch_again: bool = False
    retries: Retries = field(default_factory=Retries)
    sketches: bool = True
