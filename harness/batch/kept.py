"""What a run folder kept of its submissions: records and evidence, held against their hashes. Writes nothing there."""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import isclose
from pathlib import Path, PurePosixPath

from harness.errors import ConfigError
from harness.files import sha256_file
from harness.model.regrade import LeftOut
from harness.model.result import ExampleScore, Record, Score, Verdict
from harness.schema.record import read_record
from harness.scoring.definition import aggregate
from harness.scoring.protocol import example_from_json

RECORD = "record.json"
SCORE = "evidence/score.json"
PROMPTS = "evidence/prompts.json"
REPEATED = 1e-9
TOTAL_ABS_TOL = 1e-5  # penalty and total are rounded each


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The evidence of a score: the examples of base model and adapter, in the same order."""

    base: tuple[ExampleScore, ...]
    adapter: tuple[ExampleScore, ...]

    def aggregate(self, *, dropped: Collection[str], characters: int) -> Score:
        """Give the figures over the examples that are not dropped; see `harness.scoring.definition`.

        Args:
            dropped: Ids of examples to leave out; one at least remains.
            characters: Characters of the references of the examples that remain.
        """
        base = aggregate([one for one in self.base if one.id not in dropped], characters=characters)
        rest = [one for one in self.adapter if one.id not in dropped]
        return aggregate(rest, characters=characters, base_perplexity=base.perplexity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """A submission whose record and evidence are whole.

    Attributes:
        folder: Where they lie.
        record: The record.
        record_sha256: SHA-256 of its file.
        scored: The evidence of the score; None where it did not come to that.
    """

    folder: Path
    record: Record
    record_sha256: str
    scored: Scored | None

    @property
    def dropped(self) -> tuple[str, ...]:
        """Ids of the examples that the score leaves out already."""
        return self.record.regraded_from.dropped_examples if self.record.regraded_from else ()

    def copy_to(self, folder: Path) -> None:
        """Give another folder the evidence: hard links where the file system can, else copies."""
        for name in {one.path for one in self.record.evidence}:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(self.folder / name, target)
            except OSError:  # another disk, or one without hard links
                shutil.copyfile(self.folder / name, target)


class _TornError(Exception):
    """Record and evidence do not belong together; the text says how."""


def submission_ids(run: Path) -> tuple[str, ...]:
    """Give the ids of all submissions of a run, sorted.

    Raises:
        ConfigError: It is no run folder, or an empty one.
    """
    folder = run / "submissions"
    found = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()
    if not found:
        raise ConfigError(
            f"{run} is no run folder: there are no submissions in {folder}.",
            remedy="Give the folder that `harness grade` was given with --output.",
        )
    return found


def read_kept(run: Path) -> Iterator[Trusted | LeftOut]:
    """Read one submission after the other, those that cannot be trusted with the reason.

    Raises:
        ConfigError: It is no run folder.
    """
    for name in submission_ids(run):
        yield read_one(run / "submissions" / name)


def read_one(folder: Path) -> Trusted | LeftOut:
    """Read what was kept of one submission, or say why it cannot be trusted."""
    try:
        return _read(folder)
    except _TornError as torn:
        return LeftOut(id=folder.name, reason=str(torn))
    except RecursionError:
        return LeftOut(id=folder.name, reason="its files are nested too deep to be read")
    except ConfigError as error:
        return LeftOut(id=folder.name, reason=str(error).replace(f"{folder}/", ""))


def _read(folder: Path) -> Trusted:
    path = folder / RECORD
    record = read_record(path)
    if record.submission.id != folder.name:
        raise _TornError(f"the record is that of {record.submission.id}")
    if record.verdict is not None:
        _add_up(record.verdict)
    for one in record.evidence:
        _verify(folder, one.path, one.sha256)
    scored = _scored(folder, record)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Trusted(folder=folder, record=record, record_sha256=digest, scored=scored)


def _add_up(verdict: Verdict) -> None:
    total = sum(one.earned for one in verdict.points) - verdict.late_penalty
    if not isclose(total, verdict.total, abs_tol=TOTAL_ABS_TOL):
        raise _TornError(f"its lines give {total:g} points, and its total says {verdict.total:g}")


def _verify(folder: Path, name: str, sha256: str) -> None:
    path = folder / name
    inside = not PurePosixPath(name).is_absolute() and path.resolve() == folder.resolve() / name
    if not inside or not path.is_file():
        raise _TornError(f"{name} is not there, or is no plain file")
    if sha256_file(path) != sha256:
        raise _TornError(f"{name} is not what the record was made from: its SHA-256 differs")


def _scored(folder: Path, record: Record) -> Scored | None:
    if SCORE not in {one.path for one in record.evidence}:
        if record.score is not None:
            raise _TornError(f"the record has a score, but not its evidence {SCORE}")
        return None
    try:
        found = json.loads((folder / SCORE).read_text(encoding="utf-8"))
        base, adapter = (tuple(example_from_json(one) for one in found[key]) for key in ("base", "adapter"))
    except (ValueError, KeyError, TypeError) as error:
        raise _TornError(f"{SCORE} cannot be read: {error}") from error
    ids = [one.id for one in adapter]
    if ids != [one.id for one in base] or len(set(ids)) != len(ids):
        raise _TornError(f"{SCORE} does not name each example once")
    scored = Scored(base=base, adapter=adapter)
    _repeat(scored, record)
    return scored


def _repeat(scored: Scored, record: Record) -> None:
    """Hold the record's score against its evidence; characters are in neither, so bits per character are not."""
    if record.score is None:
        return
    dropped = record.regraded_from.dropped_examples if record.regraded_from else ()
    try:
        again = scored.aggregate(dropped=dropped, characters=1)
    except ValueError as error:
        raise _TornError(f"{SCORE} gives no score: {error}") from error
    for name in ("perplexity", "corpus_perplexity", "base_perplexity", "examples", "tokens"):
        if not isclose(getattr(again, name), getattr(record.score, name), rel_tol=REPEATED):
            raise _TornError(f"{SCORE} gives another {name.replace('_', ' ')} than the record has")
