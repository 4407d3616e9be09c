"""The page of all commands: what `--help` prints, at one width. Must not know any command by name."""

from collections.abc import Iterator

import click

from harness.cli import cli

WIDTH = 100
OPENING = """# Commands

What `harness COMMAND --help` prints, for each command. [Exit codes](exit-codes.md) have a page of their own.
"""


def commands_page() -> str:
    """Give the page."""
    root = click.Context(cli, info_name="harness", terminal_width=WIDTH, **cli.context_settings)
    return "\n".join([OPENING, *(_section(context) for context in contexts(root))])


def contexts(context: click.Context) -> Iterator[click.Context]:
    """Give the context of a command and of all below it, each group before its commands."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            yield from contexts(click.Context(command, info_name=name, parent=context))


def _section(context: click.Context) -> str:
    path = context.command_path
    return f"{'#' * max(2, path.count(' ') + 1)} {path}\n\n```text\n{context.get_help()}\n```\n"
