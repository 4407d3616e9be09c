"""A class of a few, and a machine that only takes time: see `benchmarks.simulated`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.simulated import SimulatedSandbox, make_adapter, make_base, make_class
from harness.batch import machine
from harness.batch.grade import Graded, grade_run
from harness.batch.handed_in import with_submissions
from harness.batch.machine import Sizes
from harness.batch.plan import Plan, load_plan
from harness.model.event import Event
from harness.sandbox.interface import Sandbox


@dataclass(slots=True)
class School:
    """A class to grade, and how: what each stage takes, and what happens at its start."""

    plan: Plan
    run_folder: Path
    seconds: Callable[[str, str], float] = lambda submission, stage: 0.0
    before: Callable[[str, str], None] = lambda submission, stage: None
    events: list[Event] = field(default_factory=list)
    sandboxes: list[SimulatedSandbox] = field(default_factory=list)

    def sandbox(self, *_: object, **__: object) -> Sandbox:
        """Make the sandbox of a run."""
        self.sandboxes.append(SimulatedSandbox(lambda *of: self.seconds(*of), lambda *of: self.before(*of)))
        return self.sandboxes[-1]

    def grade(
        self, *, resume: bool = False, sizes: Sizes | None = None, presses: Callable[[], int] = lambda: 0
    ) -> Graded:
        """Grade the class."""
        return grade_run(
            self.plan, self.run_folder, resume=resume, on_event=self.events.append, sizes=sizes, presses=presses
        )


@pytest.fixture
def make_school(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], School]:
    """Give a function that makes a class of so many."""

    def make(students: int) -> School:
        base = make_base(tmp_path / "Qwen3-tiny")
        sources = make_class(tmp_path / "handed-in", make_adapter(tmp_path / "adapter"), students=students, root=root)
        plan = load_plan(
            assignment_path=root / "assignments" / "classical-chinese",
            base_path=base,
            split="private",
            kind="process",
            image_lock=tmp_path / "image.lock",
            gpu=None,
            allow_process=True,
        )
        run_folder = tmp_path / "run"
        school = School(with_submissions(plan, sources, run_folder=run_folder), run_folder)
        monkeypatch.setattr(machine, "choose_sandbox", school.sandbox)
        monkeypatch.setattr(machine, "known_packages", lambda image_lock: {})
        return school

    return make
