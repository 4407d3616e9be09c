"""One record anew, from its evidence and other rules. Writes nothing, runs nothing, scores nothing."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from harness import __version__
from harness.batch.kept import Scored, Trusted
from harness.errors import ConfigError
from harness.files import sha256_file
from harness.grading.rubric import Measured, failed_before
from harness.grading.verdict import decide
from harness.model.assignment import BaseModel, Example
from harness.model.extension import Extension
from harness.model.finding import has_error
from harness.model.result import Record, RegradedFrom, Score, StageStatus, SubmissionRef, Verdict
from harness.model.zones import TimeError
from harness.schema.assignment import LoadedAssignment, load_examples
from harness.schema.document import DocumentError, load_json
from harness.schema.nearest import nearest
from harness.stages.context import PREDICTIONS
from harness.stages.predictions import check_predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the new grades go by.

    Attributes:
        loaded: The assignment.
        place: Where it was loaded from; None means its folder.
        extensions: Extensions by submission id; others keep the one in their record.
        times: Submission times by id; others keep the one in their record.
        dropped: Ids of examples that the score leaves out, besides those that it left out before.
    """

    loaded: LoadedAssignment
    place: Path | None = None
    extensions: Mapping[str, Extension] = field(default_factory=lambda: MappingProxyType({}))
    times: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    dropped: tuple[str, ...] = ()


class CannotRegradeError(Exception):
    """This record cannot be regraded by these rules; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A data file of the assignment, as far as a regrade needs it."""

    path: Path
    sha256: str
    examples: tuple[Example, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all examples, in order."""
        return tuple(one.id for one in self.examples)


def load_data(loaded: LoadedAssignment, split: str) -> DataFile:
    """Load the data file of a split.

    Raises:
        ConfigError: It cannot be used.
    """
    data = loaded.assignment.data
    path = loaded.folder / (data.public if split == "public" else data.private)
    return DataFile(path=path, sha256=sha256_file(path) if path.is_file() else "", examples=load_examples(path))


def refuse_unknown(dropped: Sequence[str], data: DataFile) -> None:
    """Make sure that the examples to drop are there, and that some remain.

    Raises:
        ConfigError: An id is none of the data file's, or all of them are dropped.
    """
    for one in dropped:
        if one not in data.ids:
            hint = nearest(one, data.ids)
            raise ConfigError(
                f"There is no example {one!r} in {data.path}.",
                remedy=f"Did you mean {hint!r}?" if hint else f"Its ids are such as {data.ids[0]!r}.",
            )
    if set(dropped) >= set(data.ids):
        raise ConfigError(f"All {len(data.ids)} examples of {data.path} would be dropped.", remedy="Leave some in.")


def rejudge(kept: Trusted, before: Verdict, rules: Rules, *, data: DataFile | None, now: str) -> Record:
    """Give the new record.

    Args:
        kept: The old one, with its evidence.
        before: Its verdict.
        rules: What the new one goes by.
        data: The data that it was scored on; needed where an example is dropped that was not before.
        now: When this is done (ISO 8601 with offset).

    Raises:
        CannotRegradeError: The rules do not fit to the record.
    """
    old = kept.record
    dropped = tuple(sorted({*kept.dropped, *rules.dropped}))
    fewer = dropped != tuple(sorted(kept.dropped))
    if fewer:
        data = same_data(data, old)
    submission = _submission(old, before, rules)
    score = _score(kept.scored, data, dropped) if fewer and data else old.score
    measured = Measured(
        valid_predictions=_valid(kept, data, dropped), score=score, failed_before=failed_before(old.stages)
    )
    try:
        verdict = decide(
            rules.loaded.assignment,
            base_of(old, rules),
            measured,
            submitted_at=datetime.fromisoformat(submission.submitted_at) if submission.submitted_at else None,
            extension=submission.extension,
        )
    except (TimeError, OverflowError) as error:
        raise CannotRegradeError(f"its times cannot be read by the late policy of now: {error}") from error
    return replace(
        old,
        harness_version=__version__,
        graded_at=now,
        assignment=replace(old.assignment, sha256=rules.loaded.sha256),
        submission=submission,
        score=score,
        text=None if fewer else old.text,
        verdict=verdict,
        regraded_from=RegradedFrom(record_sha256=kept.record_sha256, graded_at=old.graded_at, dropped_examples=dropped),
    )


def base_of(record: Record, rules: Rules) -> BaseModel:
    """Find the base model of a record in the assignment.

    Raises:
        CannotRegradeError: It is another assignment, or has no such base model.
    """
    assignment = rules.loaded.assignment
    if record.assignment.name != assignment.name:
        raise CannotRegradeError(f"it was graded by the assignment {record.assignment.name}, not {assignment.name}")
    found = next((one for one in assignment.base_models if one.name == record.assignment.base_model), None)
    if found is None:
        raise CannotRegradeError(f"the assignment has no base model {record.assignment.base_model}")
    return found


def _submission(old: Record, before: Verdict, rules: Rules) -> SubmissionRef:
    time = rules.times.get(old.submission.id)
    submitted_at = time.isoformat() if time else old.submission.submitted_at
    if submitted_at is None and before.late_penalty > 0:
        raise CannotRegradeError("it lost points for lateness, and its record does not say when it was handed in")
    extension = rules.extensions.get(old.submission.id, old.submission.extension)
    return replace(old.submission, submitted_at=submitted_at, extension=extension)


def same_data(data: DataFile | None, old: Record) -> DataFile:
    """Make sure that the data are those that a record was scored on.

    Raises:
        CannotRegradeError: They are others.
    """
    if data is None or data.sha256 != old.assignment.data_sha256:
        raise CannotRegradeError("it was scored on another data file than the assignment has now")
    return data


def _score(scored: Scored | None, data: DataFile, dropped: Sequence[str]) -> Score | None:
    """Give the figures over the examples that remain, or None where there are none or they are not finite."""
    if scored is None:
        return None
    if {one.id for one in scored.adapter} != set(data.ids):
        raise CannotRegradeError("the examples of its evidence are not those of the data file")
    if set(dropped) >= set(data.ids):
        raise CannotRegradeError("all of its examples are dropped, those of earlier regrades included")
    characters = sum(len(one.output) for one in data.examples if one.id not in dropped)
    score = scored.aggregate(dropped=dropped, characters=characters)
    return score if all(math.isfinite(value) for value in asdict(score).values()) else None


def _valid(kept: Trusted, data: DataFile | None, dropped: Sequence[str]) -> bool:
    """Tell whether the predictions are valid; those of dropped examples may be missing, empty or repeated."""
    stage = next((one for one in kept.record.stages if one.stage == "validate"), None)
    if stage is None or stage.status is StageStatus.SKIPPED:
        return False
    if stage.status is StageStatus.PASSED:
        return True
    if not dropped or data is None or PREDICTIONS not in {one.path for one in kept.record.evidence}:
        return False
    try:
        rows = load_json((kept.folder / PREDICTIONS).read_bytes(), PREDICTIONS).data
    except DocumentError:
        return False
    if not isinstance(rows, list):
        return False
    rest = [row for row in rows if not (isinstance(row, dict) and row.get("id") in dropped)]
    wanted = [one for one in data.ids if one not in dropped]
    return not has_error(check_predictions(json.dumps(rest).encode(), wanted=wanted, quote=False)[0])
