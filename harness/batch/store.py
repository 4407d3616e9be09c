"""The run folder, written whole or not at all: what is to be graded, and what is kept of each submission.

RUN/run.json              what the run grades and by what (`run.v1`)
RUN/lock                  held by the harness that works here
RUN/log.jsonl             what happened when, a JSON object a line
RUN/grades.csv            the grades, a row a submission, written when a start ends
RUN/submissions/ID/       record.json, logs, predictions.json, evidence
RUN/scorer/               log of the scoring workers, digests of the base model
RUN/scratch/, adapters/   of the submissions that are under way
RUN/set-aside/            what lay at a submission's place and could not be trusted
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.batch.kept import RECORD, Trusted, read_one
from harness.batch.lock import locked
from harness.errors import ConfigError
from harness.files import remove_tree, sha256_file, write_whole
from harness.model.result import Evidence, Outcome, Record
from harness.model.run import Run
from harness.report.grades import grades_csv
from harness.schema.record import read_record, record_text
from harness.schema.run import read_run, run_text
from harness.stages.context import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What lies at a submission's place: its record, or why what is there cannot be trusted, or nothing."""

    record: Record | None = None
    distrust: str = ""

    @property
    def graded(self) -> bool:
        """Whether it needs no more grading."""
        return self.record is not None and self.record.outcome is not Outcome.NOT_GRADED


class RunStore:
    """The folders of one run.

    Args:
        root: The run folder; made by `held`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run_path = root / "run.json"
        self.log = root / "log.jsonl"
        self.adapters = root / "adapters"
        self.scorer = root / "scorer"
        self._scratch = root / "scratch"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Work in the folder, alone, for the time of the block; what an earlier harness left half done goes.

        Raises:
            ConfigError: Another harness works there, or the folder cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with locked(self.root / "lock", what=f"The run folder {self.root}"):
                self._clear()
                self.adapters.mkdir()
                try:
                    yield
                finally:
                    self._clear()
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            if error.filename is None or not Path(error.filename).is_relative_to(self.root):
                raise
            raise ConfigError(
                f"The run folder {self.root} cannot be written: {error.strerror}.",
                remedy="Give a folder of yours with --output.",
            ) from error

    def read(self) -> Run | None:
        """Give what the run grades, or None where nothing was begun.

        Raises:
            ConfigError: run.json is torn or something else.
        """
        return read_run(self.run_path) if self.run_path.exists() else None

    def joined(self, run: Run) -> Run:
        """Give what is to be graded with the submissions of earlier starts in this folder; writes nothing.

        Raises:
            ConfigError: That was another run: another assignment, base model, data, image or sandbox.
        """
        before = self.read()
        if before is not None:
            refuse_another(before, run, folder=self.root)
            new = {one.id for one in run.submissions}
            kept = tuple(one for one in before.submissions if one.id not in new)
            run = replace(run, started_at=before.started_at, submissions=(*kept, *run.submissions))
        return run

    def write_run(self, run: Run) -> None:
        """Write what is to be graded."""
        write_whole(self.run_path, run_text(run).encode())

    def folder(self, submission_id: str) -> Path:
        """Give the folder that keeps the results of one submission."""
        return self.root / "submissions" / submission_id

    def record_path(self, submission_id: str) -> Path:
        """Give the path of its record."""
        return self.folder(submission_id) / RECORD

    def kept(self, submission_id: str, *, run: Run) -> Kept:
        """Look at what lies at a submission's place: a record counts if it is whole, of this run, and its evidence too.

        Raises:
            OSError: It cannot be read.
        """
        path = self.record_path(submission_id)
        if not path.exists():
            return Kept()
        found = read_one(path.parent)
        if not isinstance(found, Trusted):
            return Kept(distrust=f"{path} cannot be trusted: {found.reason}.")
        if found.record.assignment != run.assignment:
            return Kept(distrust=f"{path} cannot be trusted: it is of another run.")
        return Kept(record=found.record)

    def write_grades(self, run: Run) -> None:
        """Write the table of all records of the run."""
        paths = (self.record_path(one.id) for one in run.submissions)
        records = (read_record(path) for path in paths if path.exists())
        write_whole(self.root / "grades.csv", grades_csv(records).encode())

    def set_aside(self, submission_id: str) -> Path:
        """Move what lies at a submission's place out of the way; give where it lies now."""
        for number in range(1, 10_000):
            place = self.root / "set-aside" / f"{submission_id}.{number}"
            if not place.exists():
                break
        place.parent.mkdir(exist_ok=True)
        return self.folder(submission_id).rename(place)

    def open(self, submission_id: str) -> Workspace:
        """Make fresh folders for a submission; what an earlier try left goes."""
        workspace = Workspace(
            scratch=self._scratch / submission_id,
            kept=self.folder(submission_id),
            adapter=self.adapters / submission_id,
        )
        self.close(workspace)
        remove_tree(workspace.kept)
        workspace.make()
        return workspace

    def close(self, workspace: Workspace) -> None:
        """Throw away what is not kept."""
        remove_tree(workspace.scratch)
        remove_tree(workspace.adapter)

    def write(self, record: Record) -> Path:
        """Validate and write a record; give its path."""
        path = self.record_path(record.submission.id)
        write_whole(path, record_text(record).encode())
        return path

    def _clear(self) -> None:
        for folder in (self._scratch, self.adapters):
            remove_tree(folder)


def refuse_another(before: Run, now: Run, *, folder: Path) -> None:
    """Refuse to go on with a run by other rules: its records would not be comparable.

    Raises:
        ConfigError: Something that decides grades differs; the message names it.
    """
    pairs = {
        "the assignment's text": (before.assignment.sha256, now.assignment.sha256),
        "the base model": (before.assignment.base_model, now.assignment.base_model),
        "the base model's files": (before.base_digest, now.base_digest),
        "the test data": (before.assignment.data_sha256, now.assignment.data_sha256),
        "the sandbox": (before.sandbox, now.sandbox),
        "the image": (before.image_id, now.image_id),
    }
    changed = [
        f"{what} ({old[:19] if old else old}, now {new[:19] if new else new})"
        for what, (old, new) in pairs.items()
        if old != new
    ]
    if changed:
        raise ConfigError(
            f"The run in {folder} was begun with something else: {', '.join(changed)}.",
            remedy="Put it back, or grade into another folder (--output). Changed rules alone: `harness regrade`.",
        )


def evidence_of(workspace: Workspace) -> tuple[Evidence, ...]:
    """List what lies in the kept folder, with hashes, in the order of paths."""
    files = sorted(path for path in workspace.kept.rglob("*") if path.is_file() and path.name != RECORD)
    return tuple(Evidence(path=str(path.relative_to(workspace.kept)), sha256=sha256_file(path)) for path in files)
