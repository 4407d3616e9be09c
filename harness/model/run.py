"""What a run grades and by what. Mirrors `run.v1` field by field (a test holds both); reads no file."""

from dataclasses import dataclass
from typing import Literal

from harness.model.assignment import LanguageTag
from harness.model.extension import Extension
from harness.model.result import AssignmentRef


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSubmission:
    """A submission: id, absolute path, git revision, if the id is a student's, when it came, what was granted."""

    id: str
    source: str
    revision: str | None = None
    id_found: bool = True
    submitted_at: str | None = None
    extension: Extension | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What `harness grade --resume` needs to go on with a run. Paths are absolute.

    Attributes:
        started_at: When it was begun (ISO 8601 with offset).
        assignment: Digests of what it grades by: what changes them makes another run.
        assignment_path: assignment.yaml, or the folder that holds it.
        base_path: Folder of the base model.
        base_digest: Digest of its files, see `batch.plan.digest_of_base`.
        sandbox: The kind that was asked for, or found.
        image_lock: Lock of the image.
        image_id: The image that the run began with; None without containers.
        allow_process: Whether the submitted code is trusted.
        gpu: What `--gpu` said.
        downloads: Store of recorded downloads.
        fetch_again: Downloads are made anew, and compared.
        language: The assignment's: reports are in it, where none is chosen.
    """

    schema: Literal["run.v1"] = "run.v1"
    harness_version: str
    started_at: str
    assignment: AssignmentRef
    assignment_path: str
    base_path: str
    base_digest: str
    sandbox: Literal["docker", "process"]
    image_lock: str
    image_id: str | None
    allow_process: bool
    gpu: str | None = None
    downloads: str | None = None
    fetch_again: bool = False
    language: LanguageTag = "en"
    submissions: tuple[RunSubmission, ...]
