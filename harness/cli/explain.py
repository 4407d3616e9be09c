"""`harness explain`: what the codes of findings mean."""

import click
from rich.console import Console

from harness.language import ENGLISH, TAGS, language
from harness.model.catalogue import CATALOGUE, STAGES
from harness.report.explain import codes_of, explanation, findings_markdown, overview
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
    """Explain findings: why each CODE (such as RUN003) matters, how to fix it, an example. Without CODE, list all;
    the first letters of one (such as RUN) list its family.
    """
    families = [STAGES[code.upper()] for code in codes if code.upper() in STAGES]
    known = [_known(code) for code in codes if code.upper() not in STAGES]
    t = language(lang)
    if form == "markdown":
        click.echo(findings_markdown(t, [*known, *(one for family in families for one in codes_of(family))]), nl=False)
        return
    console = Console(highlight=False)
    for code in known:
        console.print(explanation(code, t))
    if families:
        console.print(overview(t, families))
    elif not known:
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
