"""The run folder: `RUN/submissions/ID/` with record, logs, predictions and evidence, written whole or not at all."""

from pathlib import Path

from harness.errors import ConfigError
from harness.files import remove_tree, sha256_file, write_whole
from harness.model.result import Evidence, Outcome, Record
from harness.schema.record import read_record, record_text
from harness.stages.context import Workspace

RECORD = "record.json"


class RunStore:
    """The folders of one run.

    Args:
        root: The run folder; made when the first submission is opened.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, submission_id: str) -> Path:
        """Give the folder that keeps the results of one submission."""
        return self.root / "submissions" / submission_id

    def record_path(self, submission_id: str) -> Path:
        """Give the path of its record."""
        return self.folder(submission_id) / RECORD

    def open(self, submission_id: str) -> Workspace:
        """Make fresh folders for a submission.

        A record that says *not graded* makes room for a new try.

        Raises:
            ConfigError: It is graded already, what lies there is no record of ours, or the folder cannot be written.
        """
        path = self.record_path(submission_id)
        if path.exists() and read_record(path).outcome is not Outcome.NOT_GRADED:
            raise ConfigError(
                f"{path} is there already: {submission_id} is graded.",
                remedy="Give another folder with --output, or remove this one.",
            )
        workspace = Workspace(scratch=self.root / "scratch" / submission_id, kept=self.folder(submission_id))
        try:
            self.close(workspace)
            remove_tree(workspace.kept)
            workspace.make()
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise ConfigError(
                f"The run folder {self.root} cannot be written: {error.strerror}.",
                remedy="Give a folder of yours with --output.",
            ) from error
        return workspace

    def close(self, workspace: Workspace) -> None:
        """Throw the scratch folder away."""
        remove_tree(workspace.scratch)

    def write(self, record: Record) -> Path:
        """Validate and write a record; give its path."""
        path = self.record_path(record.submission.id)
        write_whole(path, record_text(record).encode())
        return path


def evidence_of(workspace: Workspace) -> tuple[Evidence, ...]:
    """List what lies in the kept folder, with hashes, in the order of paths."""
    files = sorted(path for path in workspace.kept.rglob("*") if path.is_file() and path.name != RECORD)
    return tuple(Evidence(path=str(path.relative_to(workspace.kept)), sha256=sha256_file(path)) for path in files)
