"""The catalogue of findings for people: in a terminal, and as the page of the docs. Must not know any finding."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.language import Language, Message, message
from harness.model.catalogue import CATALOGUE, STAGES, stage_of
from harness.model.status_words import SEVERITY_WORDS
from harness.report.block import block
from harness.report.severities import COLOURS

STAGE_TITLES: Mapping[str, Message] = MappingProxyType(
    {
        "intake": message("What was packed, and the scripts"),
        "fetch": message("download.sh and what it brings"),
        "admit": message("The adapter"),
        "render": message("get_prompt and get_bnb_config"),
        "run": message("run.sh"),
        "validate": message("The predictions"),
        "score": message("The score"),
        "parity": message("What differs from your check"),
    }
)


def overview(t: Language, stages: Sequence[str] = tuple(STAGES.values())) -> RenderableType:
    """The codes of the stages with their titles, by stage."""
    tables = []
    for stage in stages:
        table = Table(title=f"{stage}: {t.of(STAGE_TITLES[stage])}", title_justify="left", show_header=False, box=None)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for code in codes_of(stage):
            entry = CATALOGUE[code]
            table.add_row(Text(code, style=COLOURS[entry.severity]), Text(t.of(entry.title)))
        tables.append(table)
    more = Text(t("`harness explain CODE` tells why one matters, how to fix it, and gives an example."))
    return Group(*tables, more)


def explanation(code: str, t: Language) -> RenderableType:
    """One code: title, why, fix, and an example."""
    entry = CATALOGUE[code]
    severity = t.of(SEVERITY_WORDS[entry.severity])
    head = Text.assemble((f"{severity} {code}", f"bold {COLOURS[entry.severity]}"), f" {t.of(entry.title)}")
    head.append(f"  ({stage_of(code)})", style="dim")
    rows = ((t("why"), entry.why), (t("fix"), entry.fix), (t("wrong"), entry.wrong), (t("right"), entry.right))
    return block(head, ((label, t.of(text)) for label, text in rows))


def codes_of(stage: str) -> list[str]:
    """Give the codes of a stage in order."""
    return sorted(code for code in CATALOGUE if stage_of(code) == stage)


def findings_markdown(t: Language, codes: Sequence[str] = ()) -> str:
    """Write the page of all findings, or the sections of some."""
    if codes:
        return "\n".join("\n".join(_section(code, t)) for code in codes)
    title = t("Findings")
    lines = [f"# {title}", "", t.of(_INTRODUCTION), ""]
    for stage in STAGES.values():
        lines += [f"## {stage}: {t.of(STAGE_TITLES[stage])}", ""]
        for code in codes_of(stage):
            lines += _section(code, t)
    return "\n".join(lines)


_INTRODUCTION = message(
    "Each finding has a code that never changes. An error fails its stage; a warning and an info do not. "
    "`harness explain CODE` shows the same in a terminal, `--lang` in another language. This page is made from the "
    "catalogue: `harness explain --format markdown > docs/reference/findings.md`."
)


def _section(code: str, t: Language) -> Iterator[str]:
    entry = CATALOGUE[code]
    yield f'<a id="{code.lower()}"></a>'
    yield ""
    yield f"### {code}: {t.of(entry.title)}"
    yield ""
    yield f"*{t.of(SEVERITY_WORDS[entry.severity])}.* {t.of(entry.why)}"
    yield ""
    fix = t("fix")
    yield f"**{fix}:** {t.of(entry.fix)}"
    yield ""
    for label, text in ((t("wrong"), entry.wrong), (t("right"), entry.right)):
        yield f"- {label}: {t.of(text) if isinstance(text, Message) else _code(text)}"
    yield ""


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"
