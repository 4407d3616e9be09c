"""The sandbox of a quick check, in which nothing may run: whoever asks it to is wrong. Must not start anything."""

from contextlib import AbstractContextManager
from typing import NoReturn

from harness.model.result import NOTHING_RAN
from harness.sandbox.interface import Ended, Job, Mount
from harness.sandbox.session import Session


class NothingRuns:
    """Stands where a stage expects a sandbox that a quick check never uses."""

    name = NOTHING_RAN
    isolates = False
    image_id: str | None = None

    def path(self, mount: Mount, relative: str = "") -> str:
        """Refuse: there is no program that could see it."""
        _refuse()

    def host_address(self) -> str:
        """Refuse: there is no program that could ask."""
        _refuse()

    def run(self, job: Job) -> Ended:
        """Refuse."""
        _refuse()

    def serve(self, job: Job) -> AbstractContextManager[Session]:
        """Refuse."""
        _refuse()

    def close(self) -> None:
        """Nothing is held."""

    def cancel(self) -> None:
        """Nothing runs."""


def _refuse() -> NoReturn:
    raise AssertionError("a quick check runs no program")
