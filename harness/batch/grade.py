"""A whole run: takes the run folder, opens what grades, grades what is not graded yet. The entry for commands."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness import __version__
from harness.batch.engine import PAUSES_S, Engine, Tally
from harness.batch.graders import Opener, this_machine
from harness.batch.machine import Sizes
from harness.batch.plan import Plan, plan_of, run_of
from harness.batch.store import RunStore
from harness.batch.tell import tell_all
from harness.errors import ConfigError
from harness.model.event import Distrusted, OnEvent, Planned
from harness.model.result import Record
from harness.model.run import Run
from harness.model.submission import Submission
from harness.report.event_log import EventLog

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What became of a run: how it went, where its records are, and what it was to grade."""

    tally: Tally
    store: RunStore
    run: Run


def grade_run(
    plan: Plan,
    run_folder: Path,
    *,
    resume: bool = False,
    on_event: OnEvent,
    sizes: Sizes | None = None,
    presses: Callable[[], int] = lambda: 0,
    opener: Opener = this_machine,
) -> Graded:
    """Grade the submissions of a plan into a run folder.

    A submission that is alone is graded once; of several, each is tried again after a fault that may pass.

    Args:
        plan: What is graded.
        run_folder: Where records go; new, or begun before by the same rules.
        resume: Skip what is graded already, instead of refusing.
        on_event: Is told what happens; may be called from several threads.
        sizes: How many places each kind of work has.
        presses: Tells how often the user asked to end; see `Engine.run`.
        opener: Opens what grades: this machine, or a cluster.

    Raises:
        Cancelled: It was ended at once.
        ConfigError: A submission is graded already, another harness works in the folder, or it was begun otherwise.
        EnvironmentFault: No engine, image or GPU where one is needed.
    """
    store = RunStore(run_folder.resolve())
    alone = len(plan.submissions) == 1 and not resume
    with (
        opener(plan, store, sizes=sizes or Sizes(), alone=alone, presses=presses) as graders,
        store.held(),
        EventLog(store.log) as log,
    ):
        tell = tell_all(log.on_event, on_event)
        run = store.joined(
            run_of(
                plan,
                harness_version=__version__,
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
                sandbox=graders.sandbox,
                image_id=graders.image_id,
            )
        )
        todo = _to_grade(plan, store, run, resume=resume, on_event=tell)
        store.write_run(run)
        tell(Planned(submissions=tuple(one.id for one in todo), graded=len(plan.submissions) - len(todo)))
        engine = Engine(
            graders.begin(tell),
            todo,
            in_flight=min(graders.in_flight, len(todo)),
            cancel=graders.cancel,
            on_event=tell,
            pauses_s=() if alone else PAUSES_S,
            finishes=not alone,
            finish=graders.finish,
        )
        try:
            return Graded(tally=engine.run(presses), store=store, run=run)
        finally:
            store.write_grades(run)


def begun_before(run_folder: Path) -> tuple[str, ...]:
    """Give the ids of the submissions that a run folder has already.

    Raises:
        ConfigError: Its run.json is torn or something else.
    """
    run = RunStore(run_folder.resolve()).read()
    return tuple(one.id for one in run.submissions) if run else ()


def read_plan(run_folder: Path) -> Plan:
    """Load again what a run was begun with.

    Raises:
        ConfigError: There is no run, or its assignment cannot be loaded any more.
        EnvironmentFault: Its base model is gone.
    """
    run = RunStore(run_folder.resolve()).read()
    if run is None:
        raise ConfigError(f"There is no run in {run_folder}: no run.json.", remedy="Give the folder of a run.")
    return plan_of(run)


def _to_grade(plan: Plan, store: RunStore, run: Run, *, resume: bool, on_event: OnEvent) -> tuple[Submission, ...]:
    """Leave out what is graded; set aside what cannot be trusted."""
    kept = {one.id: store.kept(one.id, run=run) for one in plan.submissions}
    graded = [one for one in plan.submissions if kept[one.id].graded]
    if graded and not resume:
        names = ", ".join(one.id for one in graded[:_SHOWN]) + (" ..." if len(graded) > _SHOWN else "")
        raise ConfigError(
            f"Graded already in {store.root}: {names}.",
            remedy="Give another folder with --output. To go on with a run: `harness grade --resume FOLDER`.",
        )
    todo = tuple(one for one in plan.submissions if not kept[one.id].graded)
    _refuse_dropped(store, todo, [found.record for found in kept.values() if found.record])
    for name, found in kept.items():
        if found.distrust:
            place = store.set_aside(name)
            on_event(Distrusted(submission=name, why=found.distrust, place=str(place)))
    return todo


def _refuse_dropped(store: RunStore, todo: Sequence[Submission], records: Iterable[Record]) -> None:
    """Refuse to grade by all examples beside records that a regrade took some out of."""
    dropped = {one for record in records if record.regraded_from for one in record.regraded_from.dropped_examples}
    if todo and dropped:
        names = ", ".join(sorted(dropped))
        raise ConfigError(
            f"The records in {store.root} leave out {names}; grading here would count all examples.",
            remedy="Go on with the run that this one was regraded from, then regrade that again.",
        )
