"""A run as reports need it: its records one after the other, and the assignment as long as it is still the same.

Must not know what a report looks like.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.batch.kept import Trusted, read_kept, submission_ids
from harness.batch.store import RunStore
from harness.errors import ConfigError
from harness.files import sha256_file
from harness.model.assignment import Assignment, Example, LanguageTag
from harness.model.regrade import LeftOut
from harness.model.result import AssignmentRef
from harness.schema.assignment import load_assignment, load_examples


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A run folder that is reported on.

    Attributes:
        folder: The run folder.
        reference: What the records say of the assignment that graded them.
        assignment: The assignment itself; None where it is gone or changed since, as `missing` then says.
        examples: Its data with the references; empty where they are gone or changed since.
        language: What the assignment wants its students to be told in.
        submissions: All ids of the run, sorted; some may have no record yet.
        missing: What could not be found, a sentence each, for the staff.
    """

    folder: Path
    reference: AssignmentRef
    assignment: Assignment | None
    examples: tuple[Example, ...]
    language: LanguageTag
    submissions: tuple[str, ...]
    missing: tuple[str, ...]

    def kept(self) -> Iterator[Trusted | LeftOut]:
        """Read the submissions in the order of their ids, each held against its hashes."""
        return read_kept(self.folder)


def read_reported(folder: Path, *, assignment: Path | None = None) -> Reported:
    """Look at a run folder.

    Args:
        folder: What `harness grade` or `harness regrade` was given with --output.
        assignment: Where the assignment lies now; None takes the place that run.json names.

    Raises:
        ConfigError: It is no run folder, or none of its records can be trusted.
    """
    ids = submission_ids(folder)
    run = RunStore(folder).read()
    first = next((one.record for one in read_kept(folder) if isinstance(one, Trusted)), None)
    if first is None:
        raise ConfigError(
            f"Not one of {len(ids)} submissions in {folder} has a record that can be trusted.",
            remedy="Grade first, or give another run folder.",
        )
    reference = first.assignment
    place = assignment or (Path(run.assignment_path) if run else None)
    loaded, examples, missing = _assignment(place, reference)
    listed = {one.id for one in run.submissions} if run else set()
    return Reported(
        folder=folder,
        reference=reference,
        assignment=loaded,
        examples=examples,
        language=loaded.language if loaded else run.language if run else "en",
        submissions=tuple(sorted(listed.union(ids))),
        missing=missing,
    )


def _assignment(
    place: Path | None, reference: AssignmentRef
) -> tuple[Assignment | None, tuple[Example, ...], tuple[str, ...]]:
    if place is None:
        return None, (), ("This run folder does not name its assignment: give it with --assignment.",)
    try:
        loaded = load_assignment(place)
    except ConfigError as error:
        return None, (), (str(error).splitlines()[0],)
    if loaded.sha256 != reference.sha256:
        return None, (), (f"{place} has changed since this run was graded: thresholds and references are left out.",)
    data = loaded.assignment.data
    path = loaded.folder / (data.public if reference.split == "public" else data.private)
    if not path.is_file() or sha256_file(path) != reference.data_sha256:
        return loaded.assignment, (), (f"{path} is gone or has changed since: references are left out.",)
    return loaded.assignment, load_examples(path), ()
