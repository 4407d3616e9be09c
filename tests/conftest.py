"""What all tests share: whether an engine answers, and whether one is required."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from harness.errors import HarnessError
from harness.sandbox.choose import engine_words

ROOT = Path(__file__).resolve().parent.parent

# The same cases each time, however busy the machine is: a commit passes or it does not. --hypothesis-profile=default
# looks at others.
settings.register_profile("same-cases", derandomize=True, deadline=None)
settings.load_profile("same-cases")


def pytest_configure() -> None:
    """Take interrupts: a shell that starts the tests in the background has them ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def engine() -> str:
    """Give the engine's words about itself; without one, skip, or fail where HARNESS_REQUIRE_ENGINE is set."""
    try:
        return engine_words()
    except HarnessError as error:
        if os.environ.get("HARNESS_REQUIRE_ENGINE"):
            pytest.fail(f"an engine is required: {error}")
        pytest.skip("no container engine answers")


@pytest.fixture(scope="session")
def root() -> Path:
    """Give the folder of the repository."""
    return ROOT
