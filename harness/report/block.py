"""A block of lines for a terminal: a head, and under it texts behind their labels. Must not know what they say."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


def block(head: Text, rows: Iterable[tuple[str, str]]) -> RenderableType:
    """Put labels and texts in two columns under the head."""
    lines = Table.grid(padding=(0, 1))
    lines.add_column(no_wrap=True, style="dim")
    lines.add_column(overflow="fold")
    for label, text in rows:
        lines.add_row(label, Text(text))
    return Group(head, Padding(lines, (0, 0, 0, 2)))
