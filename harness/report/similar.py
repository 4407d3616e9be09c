"""The comparison of submissions in a terminal: a table a kind, and the evidence below it. Must not compare anything."""

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.model.similar import (
    AdapterPair,
    Adapters,
    Baseline,
    Code,
    CodeMatch,
    CodePair,
    LeftOut,
    PredictionPair,
    Predictions,
    Similarity,
)
from harness.text import visible

EVIDENCE_OF = 5
ID_SHOWN = 60


def show_similarity(found: Similarity, console: Console) -> None:
    """Print all three kinds and, first and last, that it is no verdict."""
    console.print(Text(found.note, style="yellow"))
    for part in (adapters_block(found.adapters), code_block(found.code), predictions_block(found.predictions)):
        console.print()
        console.print(part)
    for one in found.left_out:
        console.print(Text(f"{visible(one.submission)}: {visible(one.why)}", style="yellow"))
    console.print(Text("\nA pair is a reason to look, not a finding against anyone.", style="dim"))


def adapters_block(part: Adapters) -> RenderableType:
    """Adapters: the pairs, how exact the cosines are, all pairs together."""
    table = _table(f"Adapters: delta W = B A ({part.compared} compared)")
    for heading in ("Cosine", "z", "Modules alike"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Evidence", overflow="fold")
    for one in part.pairs:
        alike = f"{one.modules_alike} of {one.modules_shared}"
        cosine = "-" if one.cosine is None else f"{one.cosine:.3f}{'' if one.exact else ' ~'}"
        table.add_row(_id(one.a), _id(one.b), cosine, _z(one.z), alike, Text(_adapter_words(one)))
    how = f"~ estimated from sketches, standard deviation {part.error:.4f} or less; exact with --adapters FOLDER."
    words = [_baseline_words(part.baseline, "cosine")]
    if any(not one.exact for one in part.pairs):
        words.append(how)
    return _block(table, words, part.left_out)


def code_block(part: Code) -> RenderableType:
    """Code: the pairs and where the same code lies."""
    table = _table(f"Code ({part.compared} compared)")
    for heading in ("Share", "z"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Longest matches", overflow="fold")
    for number, one in enumerate(part.pairs):
        table.add_row(_id(one.a), _id(one.b), f"{one.share:.1%}", _z(one.z), Text(_code_words(one, number)))
    skeleton = (
        f"Left out as given to all: {part.skeleton}" if part.skeleton else "No skeleton: --skeleton FOLDER names it."
    )
    return _block(table, [_baseline_words(part.baseline, "share"), skeleton], part.left_out)


def predictions_block(part: Predictions) -> RenderableType:
    """Predictions: the pairs and the rarest outputs that both have."""
    table = _table(f"Predictions, weighed by how rare they are ({part.compared} compared)")
    for heading in ("Share", "z", "Alike"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Rarest that both have", overflow="fold")
    for number, one in enumerate(part.pairs):
        alike = f"{one.near} of {one.both}"
        table.add_row(_id(one.a), _id(one.b), f"{one.share:.1%}", _z(one.z), alike, Text(_output_words(one, number)))
    return _block(table, [_baseline_words(part.baseline, "share")], part.left_out)


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("Submission", overflow="fold")
    table.add_column("and", overflow="fold")
    return table


def _block(table: Table, words: list[str], left_out: tuple[LeftOut, ...]) -> RenderableType:
    lines = [Text(one, style="dim") for one in words]
    lines += [Text(f"Not compared: {visible(one.submission)}: {visible(one.why)}", style="dim") for one in left_out]
    shown: RenderableType = table if table.row_count else Text.assemble((f"{table.title}", "italic"), ": no pairs")
    return Group(shown, Padding(Group(*lines), (0, 0, 0, 1)))


def _baseline_words(baseline: Baseline | None, what: str) -> str:
    if baseline is None:
        return "No two submissions could be compared."
    pairs = f"{baseline.pairs} pair{'s' if baseline.pairs > 1 else ''}"
    spread = f"median {what} {baseline.median:.3f}, MAD {baseline.mad:.3f}, highest {baseline.highest:.3f}"
    return f"Over {pairs}: {spread}. z counts deviations from that median."


def _adapter_words(one: AdapterPair) -> str:
    parts = ["the same file (SHA-256)"] if one.same_file else []
    return "; ".join([*parts, one.layers_alike] if one.layers_alike else parts)


def _code_words(one: CodePair, number: int) -> str:
    most = 3 if number < EVIDENCE_OF else 1
    return "\n".join(map(_match_words, one.matches[:most]))


def _match_words(one: CodeMatch) -> str:
    here = f"{visible(one.file_a, ID_SHOWN)}:{one.first_line_a}-{one.last_line_a}"
    there = f"{visible(one.file_b, ID_SHOWN)}:{one.first_line_b}-{one.last_line_b}"
    return f"{here} = {there} ({one.tokens} tokens)"


def _output_words(one: PredictionPair, number: int) -> str:
    most = 3 if number < EVIDENCE_OF else 1
    return "\n".join(
        f"{visible(each.example, ID_SHOWN)} ({each.students} have it): {visible(each.text_a, ID_SHOWN)}"
        for each in one.rarest[:most]
    )


def _id(label: str) -> Text:
    return Text(visible(label, ID_SHOWN))


def _z(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1f}"
