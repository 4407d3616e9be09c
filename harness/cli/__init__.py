"""The command line: `harness COMMAND`. Loads only the command that is called, and maps every fault to its exit code."""

import errno
import os
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from types import FrameType, MappingProxyType
from typing import NoReturn

import click

from harness import __version__
from harness.errors import EXIT_BUG, EXIT_INTERRUPTED, Cancelled, EnvironmentFault, HarnessError
from harness.text import visible

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "init": "Make a submission that passes at once.",
        "check": "Check a submission on the public data, as the grader will.",
        "grade": "Grade a submission on the private data.",
        "regrade": "Grade a run again from its evidence, by other rules.",
        "report": "Report on a run: a summary, HTML, gradebooks, feedback for students.",
        "gradescope": "Build an autograder for Gradescope.",
        "similar": "Rank pairs of submissions by how alike they are, with evidence.",
        "score": "Score adapters: perplexity on references, nothing else.",
        "image": "Build or verify the container image.",
        "downloads": "List, verify or prune recorded downloads.",
        "explain": "Explain finding codes: why they matter, how to fix them, an example.",
        "schema": "Print the JSON Schemas, or check a file against one.",
        "doctor": "Tell what this machine has and lacks for grading.",
    }
)
LINE_SHOWN = 2_000


class LazyGroup(click.Group):
    """Lists commands from `COMMANDS` and imports a command's module only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"harness.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Grade fine-tuning homework: run a submission in a container, score its LoRA adapter, keep the evidence.

    Exit codes: 0 passed, 1 errors found in the submission, 2 usage, 3 wrong assignment or path, 4 the machine cannot do
    it now, 5 the sandbox failed, 70 a bug.
    """


def main() -> NoReturn:
    """Run the command line and exit."""
    for one in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(one) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(one, _interrupt)
    try:
        sys.exit(cli(standalone_mode=False))
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.Abort:
        _say("interrupted", "")
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, Cancelled):
        _say("interrupted", "")
        sys.exit(EXIT_INTERRUPTED)
    except HarnessError as error:
        _say(str(error), error.remedy)
        sys.exit(error.exit_code)
    except OSError as error:
        _say(*_of_system(error))
        sys.exit(EnvironmentFault.exit_code)
    except Exception as error:
        if os.environ.get("HARNESS_DEBUG"):
            raise
        _say(f"a bug: {type(error).__name__}: {error}", "Run it again with HARNESS_DEBUG=1 and report what it prints.")
        sys.exit(EXIT_BUG)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End as Ctrl-C does: containers and scratch folders are removed on the way out."""
    raise KeyboardInterrupt


def _of_system(error: OSError) -> tuple[str, str]:
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"The disk is full ({what}).", "Free some space, or give another folder with --output."
    return f"The system refused: {what}.", "Check the path and its permissions."


def _say(message: str, remedy: str) -> None:
    for line in f"harness: {message}".splitlines():
        click.echo(visible(line, LINE_SHOWN), err=True)
    if remedy:
        click.echo(f"  {visible(remedy, LINE_SHOWN)}", err=True)
