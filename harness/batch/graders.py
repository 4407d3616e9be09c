"""What grades the submissions of a run, as `grade_run` sees it: this machine or a cluster. Must not know its state."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from harness.batch.engine import Grade
from harness.batch.machine import PACKAGE, Machine, Sizes, opened
from harness.batch.pipeline import Pipeline
from harness.batch.plan import Plan
from harness.batch.store import RunStore
from harness.intake.downloads.store import DownloadStore
from harness.model.event import OnEvent
from harness.stages.context import Context
from harness.stages.retries import Retries


@dataclass(frozen=True, slots=True, kw_only=True)
class Graders:
    """What grades.

    Attributes:
        sandbox: The kind of sandbox that it uses.
        image_id: The image that containers are made from; None without containers.
        in_flight: How many submissions at a time keep it busy.
        cancel: Ends all that is under way.
        finish: Turns away submissions that wait to be begun; what is under way goes on.
        begin: Gives the function that grades one submission and writes its record, once there is someone to tell.
    """

    sandbox: str
    image_id: str | None
    in_flight: int
    cancel: Callable[[], None]
    begin: Callable[[OnEvent], Grade]
    finish: Callable[[], None] = lambda: None


class Opener(Protocol):
    """Opens graders for the time of the block."""

    def __call__(
        self, plan: Plan, store: RunStore, *, sizes: Sizes, alone: bool, presses: Callable[[], int]
    ) -> AbstractContextManager[Graders]:
        """Open them; `alone` says that there is one submission only, `presses` how often the user asked to end."""


@contextmanager
def this_machine(
    plan: Plan, store: RunStore, *, sizes: Sizes, alone: bool, presses: Callable[[], int]
) -> Iterator[Graders]:
    """Grade here; see `opened`. That is quick: `presses` can wait."""
    with opened(plan, store, sizes=sizes, most_gpus=1 if alone else None) as machine:
        yield Graders(
            sandbox=machine.sandbox.name,
            image_id=machine.sandbox.image_id,
            in_flight=machine.in_flight,
            cancel=machine.cancel,
            begin=lambda on_event: pipeline_of(plan, store, machine, on_event).grade,
        )


def pipeline_of(plan: Plan, store: RunStore, machine: Machine, on_event: OnEvent) -> Pipeline:
    """Make what grades the submissions of a plan on an open machine."""
    context = Context(
        assignment=plan.assignment,
        base=plan.base,
        base_path=plan.base_path,
        examples=plan.examples,
        split=plan.reference.split,
        base_shapes=plan.base_shapes,
        sandbox=machine.sandbox,
        harness_package=PACKAGE,
        packages=machine.packages,
        downloads=DownloadStore(plan.downloads) if plan.downloads else None,
        fetch_again=plan.fetch_again,
        retries=Retries(sleep=machine.sleep),
    )
    return Pipeline(context=context, lanes=machine.lanes, store=store, assignment=plan.reference, on_event=on_event)
