"""`harness explain`: what the codes of findings mean."""

import click
from rich.console import Console

from harness.language import ENGLISH, TAGS, language
from harness.model.catalogue import CATALOGUE
from harness.report.explain import explanation, findings_markdown, overview
from harness.schema.nearest import nearest


@click.command()
@click.argument("codes", metavar="[CODE]...", nargs=-1)
@click.option("--lang", type=click.Choice(TAGS), default=ENGLISH, show_default=True, help="Language.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown"]),
    default="text",
    show_default=True,
    help="For a terminal, or as the reference docs have it.",
)
def explain(codes: tuple[str, ...], lang: str, form: str) -> None:
    """Explain findings: why each CODE (such as RUN003) matters, how to fix it, an example. Without CODE, list all."""
    known = [_known(code) for code in codes]
    t = language(lang)
    if form == "markdown":
        click.echo(findings_markdown(t, known), nl=False)
        return
    console = Console(highlight=False)
    for code in known:
        console.print(explanation(code, t))
    if not known:
        console.print(overview(t))


def _known(code: str) -> str:
    """Give a code as the catalogue spells it.

    Raises:
        click.UsageError: It is none.
    """
    if (upper := code.upper()) in CATALOGUE:
        return upper
    hint = nearest(code, [one.lower() for one in CATALOGUE])
    more = f"did you mean {hint.upper()}?" if hint else "`harness explain` lists all."
    raise click.UsageError(f"There is no finding {code!r}; {more}")
