"""Faults carry an exit code, a kind and a remedy."""

import pytest

from harness.errors import CommandNotFound, ConfigError, EnvironmentFault, HarnessError, HostFault, SandboxFault


@pytest.mark.parametrize(
    ("kind", "word", "code"),
    [
        (ConfigError, "ConfigError", 3),
        (CommandNotFound, "ConfigError", 3),
        (EnvironmentFault, "EnvironmentFault", 4),
        (HostFault, "HostFault", 4),
        (SandboxFault, "SandboxFault", 5),
        (HarnessError, "HarnessError", 70),
    ],
)
def test_table(kind: type[HarnessError], word: str, code: int) -> None:
    error = kind("what failed", remedy="what to do")
    assert (error.kind, error.exit_code, str(error), error.remedy) == (word, code, "what failed", "what to do")
