"""`harness schema`: prints the JSON Schemas and holds files against them."""

from pathlib import Path

import click

from harness.errors import EXIT_FOUND_ERRORS, ConfigError
from harness.schema import store
from harness.schema.assignment import SCHEMA, assignment_problems
from harness.schema.document import DocumentError, load
from harness.schema.problem import Problem
from harness.schema.validate import problems


@click.command()
@click.argument("name", required=False)
@click.option(
    "--check",
    "file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Hold FILE against the schema; it is YAML if its name ends in .yaml or .yml, else JSON.",
)
def schema(name: str | None, file: Path | None) -> None:
    """List the schemas, print the schema NAME, or check a file against it."""
    if name is None:
        if file is not None:
            raise click.UsageError(f"--check needs the NAME of a schema: one of {', '.join(store.names())}.")
        click.echo("\n".join(store.names()))
    elif file is None:
        click.echo(store.text(name), nl=False)
    else:
        _report(name, file)


def _report(name: str, file: Path) -> None:
    found = _check(name, file)
    for problem in found:
        click.echo(str(problem))
    if found:
        raise SystemExit(EXIT_FOUND_ERRORS)
    click.echo(f"{file}: valid by {name}")


def _check(name: str, file: Path) -> tuple[Problem, ...]:
    try:
        document = load(file)
        return assignment_problems(document, file.parent) if name == SCHEMA else problems(document, name)
    except DocumentError as error:
        return error.problems
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.", remedy="Give a file you may read.") from error
