"""What we or the machine caused, as exceptions. What a student caused is a `Finding` and never comes through here.

    HarnessError            exit code, remedy
    ├── ConfigError         3   the assignment, a path or an option that the user gave is wrong
    │   └── CommandNotFound 3   the command of a stage names a program that the sandbox does not have
    ├── EnvironmentFault    4   no engine, no base model, disk full: the machine cannot do it now
    ├── HostFault           4   a file host failed download.sh, after every retry: trying again at once is no use
    └── SandboxFault        5   the sandbox broke while it held a job

    Cancelled               130 the user ended the run: no fault, and nothing is recorded of what was under way

Any other exception is a bug and ends with exit code 70. A fault never becomes a zero: the record says *not graded*.
"""

from typing import ClassVar

EXIT_PASSED = 0
EXIT_FOUND_ERRORS = 1
EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class Cancelled(Exception):
    """The user ended the run: neither a fault nor a result."""


class HarnessError(Exception):
    """Base of every fault that is ours or the machine's.

    Args:
        message: What failed and what was seen, in one or two sentences.
        remedy: What the reader can do about it.
    """

    exit_code: ClassVar[int] = EXIT_BUG

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy

    @property
    def kind(self) -> str:
        """The word that stands in records: the name of the direct child of this class."""
        return next(kind.__name__ for kind in type(self).__mro__ if HarnessError in (kind, kind.__base__))


class ConfigError(HarnessError):
    """The assignment, a path or an option is wrong: nothing was started."""

    exit_code = 3


class CommandNotFound(ConfigError):
    """The command of a stage names a program that the image or the machine does not have: nothing was run."""


class EnvironmentFault(HarnessError):
    """The machine cannot do it now: no engine, no GPU, no weights, disk full."""

    exit_code = 4


class HostFault(HarnessError):
    """A host that download.sh may reach did not serve it, and the stage has retried: only a later try may help."""

    exit_code = 4


class SandboxFault(HarnessError):
    """The sandbox failed while it held a job; the submission is not to blame."""

    exit_code = 5
