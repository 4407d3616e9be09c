"""New records from the evidence of a whole run and other rules. The old run stays as it is."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from harness import __version__
from harness.batch.kept import RECORD, Trusted, read_kept, submission_ids
from harness.batch.rejudge import CannotRegradeError, DataFile, Rules, base_of, load_data, refuse_unknown, rejudge
from harness.batch.rescore import Rescoring, rescore
from harness.batch.store import RunStore
from harness.errors import ConfigError
from harness.files import remove_tree, sha256_file, write_json, write_whole
from harness.grading.borderline import near_thresholds
from harness.grading.moves import compare
from harness.model.regrade import LeftOut, Move, Near, Regraded, Rescored
from harness.model.result import Evidence, Outcome, Record
from harness.model.run import RunSubmission
from harness.report.moves import moves_csv, moves_json
from harness.schema.decode import encode
from harness.schema.record import read_record
from harness.scoring.definition import TOLERANCE

DIFF_JSON, DIFF_CSV = "diff.json", "diff.csv"
RESCORED = "evidence/rescore.json"


def regrade(
    run: Path,
    rules: Rules,
    *,
    output: Path | None,
    rescoring: Rescoring | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Regraded:
    """Grade a run again from what it kept.

    Args:
        run: The run folder; nothing in it is changed.
        rules: What the new grades go by.
        output: The new run folder, written whole or not at all; None only tells what would be.
        rescoring: How borderline scores are taken again, kept as evidence in the new run; None leaves them.
        now: The clock.

    Raises:
        ConfigError: `run` is no run folder, `output` is in use, an example to drop is not there, or not one
            submission can be regraded.
        EnvironmentFault: Base model or packages for scoring again cannot be used.
    """
    submission_ids(run)
    if output is None:
        return _rescored(run, _pass_over(run, rules, None, now=now), rules, rescoring)
    _refuse_output(run, output)
    partial = output.with_name(f".{output.name}.partial")
    try:
        remove_tree(partial)
        partial.mkdir(parents=True)
        store = RunStore(partial)
        done = _rescored(run, _pass_over(run, rules, store, now=now), rules, rescoring)
        _keep_rescored(store, done.rescored)
        _write_run(run, rules, store)
        write_json(partial / DIFF_JSON, moves_json(done))
        write_whole(partial / DIFF_CSV, moves_csv(done.moves).encode())
        partial.rename(output)
    finally:
        remove_tree(partial)
    return done


def _refuse_output(run: Path, output: Path) -> None:
    if output.is_symlink() or (output.exists() and not (output.is_dir() and not any(output.iterdir()))):
        raise ConfigError(f"{output} is there already.", remedy="Give a new folder with --output.")
    inner, outer = output.resolve(), run.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise ConfigError(
            f"The new run folder {output} and the old one {run} lie in each other.",
            remedy="Give a folder outside with --output.",
        )


def _rescored(run: Path, done: Regraded, rules: Rules, how: Rescoring | None) -> Regraded:
    return done if how is None else replace(done, rescored=rescore(run, done.near, rules, how))


def _write_run(old: Path, rules: Rules, store: RunStore) -> None:
    """Say what the new run grades by, as far as the old one does, and write its table of grades."""
    before = RunStore(old).read()
    if before is None:
        return
    now = replace(
        before,
        harness_version=__version__,
        assignment=replace(before.assignment, sha256=rules.loaded.sha256),
        assignment_path=str((rules.place or rules.loaded.folder).resolve()),
        language=rules.loaded.assignment.language,
        submissions=tuple(_listed(one, rules) for one in before.submissions),
    )
    store.write_run(now)
    store.write_grades(now)


def _listed(one: RunSubmission, rules: Rules) -> RunSubmission:
    time = rules.times.get(one.id)
    return replace(
        one,
        submitted_at=time.isoformat() if time else one.submitted_at,
        extension=rules.extensions.get(one.id, one.extension),
    )


def _keep_rescored(store: RunStore, rescored: Iterable[Rescored]) -> None:
    """Put what was scored again beside the other evidence of each submission."""
    for key, rows in groupby(rescored, key=lambda one: one.id):
        path = store.folder(key) / RESCORED
        # A run that was regraded before has one already, as a hard link: it is replaced, never written into.
        write_json(path, [{**encode(one), "stands": one.stands} for one in rows])
        record = read_record(store.record_path(key))
        others = [one for one in record.evidence if one.path != RESCORED]
        mine = Evidence(path=RESCORED, sha256=sha256_file(path))
        store.write(replace(record, evidence=tuple(sorted([*others, mine], key=lambda one: one.path))))


def _pass_over(run: Path, rules: Rules, store: RunStore | None, *, now: Callable[[], datetime]) -> Regraded:
    one_pass = _Pass(rules, store, now().isoformat(timespec="seconds"))
    for one in read_kept(run):
        one_pass.take(one)
    begun = RunStore(run).read()
    listed = [one.id for one in begun.submissions] if begun else []
    one_pass.not_graded += sorted(set(listed) - set(submission_ids(run)))
    if not one_pass.judged and not one_pass.not_graded:
        first = one_pass.left_out[0]
        raise ConfigError(
            f"Not one of {len(one_pass.left_out)} submissions in {run} can be regraded. {first.id}: {first.reason}.",
            remedy="Give the run folder and an assignment that fit together.",
        )
    return one_pass.result()


class _Pass:
    """One pass over a run. Keeps what it finds out and no evidence, so memory stays flat."""

    def __init__(self, rules: Rules, store: RunStore | None, now: str) -> None:
        self._rules, self._store, self._now = rules, store, now
        self._data: dict[str, DataFile] = {}
        self._moves: list[Move] = []
        self._near: list[Near] = []
        self._no_text = 0
        self.judged = 0
        self.not_graded: list[str] = []
        self.left_out: list[LeftOut] = []

    def take(self, one: Trusted | LeftOut) -> None:
        """Regrade one submission, or note why not."""
        if isinstance(one, LeftOut):
            self.left_out.append(one)
        elif one.record.outcome is Outcome.NOT_GRADED or one.record.verdict is None:
            self.not_graded.append(one.record.submission.id)
            self._write(one, None)
        else:
            try:
                self._judge(one)
            except CannotRegradeError as why:
                self.left_out.append(LeftOut(id=one.record.submission.id, reason=str(why)))

    def _judge(self, kept: Trusted) -> None:
        old = kept.record
        assert old.verdict is not None
        data = self._data_of(old) if self._rules.dropped or kept.dropped else None
        new = rejudge(kept, old.verdict, self._rules, data=data, now=self._now)
        assert new.verdict is not None
        self._write(kept, new)
        self.judged += 1
        self._no_text += old.text is not None and new.text is None
        self._moves.append(compare(old.submission.id, old.verdict, new.verdict))
        if new.score is not None:
            self._near += near_thresholds(
                old.submission.id,
                new.score,
                rubric=self._rules.loaded.assignment.rubric,
                baselines=base_of(old, self._rules).baselines,
                tolerance=TOLERANCE,
            )

    def _data_of(self, record: Record) -> DataFile:
        split = record.assignment.split
        if split not in self._data:
            data = load_data(self._rules.loaded, split)
            refuse_unknown(self._rules.dropped, data)
            self._data[split] = data
        return self._data[split]

    def _write(self, kept: Trusted, record: Record | None) -> None:
        """Write the new record beside its evidence, or the old one as it is."""
        if self._store is None:
            return
        kept.copy_to(self._store.folder(kept.record.submission.id))
        if record is None:
            path = self._store.record_path(kept.record.submission.id)
            write_whole(path, (kept.folder / RECORD).read_bytes())
        else:
            self._store.write(record)

    def result(self) -> Regraded:
        """Sum up."""
        moved = [one for one in self._moves if one.moved]
        return Regraded(
            assignment=self._rules.loaded.assignment.name,
            assignment_sha256=self._rules.loaded.sha256,
            tolerance=TOLERANCE,
            moves=tuple(sorted(moved, key=lambda one: (one.change, one.id))),
            unchanged=len(self._moves) - len(moved),
            not_graded=tuple(self.not_graded),
            left_out=tuple(self.left_out),
            near=tuple(sorted(self._near, key=lambda one: abs(one.distance))),
            notes=self._notes(),
        )

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self._no_text:
            what = _count(self._no_text, "record")
            notes.append(f"Text metrics of {what} are left out: they are not taken again without the dropped examples.")
        possible = sorted({(one.possible_before, one.possible_after) for one in self._moves})
        notes += [f"Best possible grade: {one:g} -> {other:g}." for one, other in possible if one != other]
        return tuple(notes)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def unknown_times(times: Iterable[str], run: Path) -> tuple[str, ...]:
    """Give the ids among `times` that are in no submission of a run."""
    known = set(submission_ids(run))
    return tuple(one for one in times if one not in known)
