"""What a hostile case is: a small generator that spoils a good submission, and what grading it must end in.

A case is a function with the decorator `hostile`. It is given the folder of a good submission (`parts` says what is in
it), changes it, and returns None or the archive that is handed in instead. Its docstring is its story.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

DOCKER, PODMAN, PROCESS = "docker", "podman", "process"
CONTAINERS = frozenset({DOCKER, PODMAN})
# Left out of the process sandbox: what asks for isolation, and what would harm the machine.
EVERYWHERE = CONTAINERS | {PROCESS}
THEMES = (
    "zips",
    "tars",
    "folders",
    "scripts",
    "adapters",
    "predictions",
    "prompts",
    "places",
    "resources",
    "escape",
    "inheritance",
)

Change = Callable[[Path], Path | None]
Limits = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case.

    Attributes:
        name: The function's name.
        codes: The findings it must end in, all of them and no other; none means that the attempt comes to nothing.
        stage: Where it acts. What comes after a harmless attempt is left out where it costs time, see `test_hostile`.
        on: The sandboxes that it makes sense on.
        limits: Budgets of stages that differ from the suite's, such as ``{"run": {"timeout_s": 2}}``.
        fault: The kind of fault of ours that it must end in instead, with the submission left ungraded.
        most_s: Grading it may take no longer.
        cheap: It may be drawn for the sample of the ordinary tests.
        scored: It goes all the way through scoring.
    """

    name: str
    theme: str
    change: Change
    codes: frozenset[str]
    stage: str
    on: frozenset[str]
    limits: Limits
    fault: str | None
    most_s: float
    cheap: bool
    scored: bool


def hostile(
    *codes: str,
    stage: str,
    on: frozenset[str] = EVERYWHERE,
    limits: Limits | None = None,
    fault: str | None = None,
    most_s: float = 30.0,
    cheap: bool = False,
    scored: bool = False,
) -> Callable[[Change], Case]:
    """Make a case of a generator; see `Case`."""

    def make(change: Change) -> Case:
        return Case(
            name=change.__name__,
            theme=change.__module__.rpartition(".")[2],
            change=change,
            codes=frozenset(codes),
            stage=stage,
            on=on,
            limits=limits or {},
            fault=fault,
            most_s=most_s,
            cheap=cheap,
            scored=scored,
        )

    return make


def cases_of(module: ModuleType) -> tuple[Case, ...]:
    """Give the cases that a module holds, in the order of its text."""
    return tuple(value for value in vars(module).values() if isinstance(value, Case))


def all_cases() -> tuple[Case, ...]:
    """Give every case of every theme."""
    modules = (importlib.import_module(f".{theme}", __package__) for theme in THEMES)
    return tuple(case for module in modules for case in cases_of(module))
