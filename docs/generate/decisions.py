"""The page that lists the decisions in docs/adr/, by their titles."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "adr"
OPENING = """# Decisions

Each says what was decided that would cost something to undo, and why.
"""


def decisions_page() -> str:
    """Give the page.

    Raises:
        ValueError: A file's first line is no title with the file's number.
    """
    heads = [(*_head(path), path.name) for path in sorted(FOLDER.glob("0*.md"))]
    rows = [f"{number}. [{title}]({name})" for number, title, name in heads]
    return "\n".join([OPENING, *rows, ""])


def _head(path: Path) -> tuple[int, str]:
    number, dot, title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(". ")
    if not dot or number != path.name[:4].lstrip("0"):
        raise ValueError(f"{path} does not begin with `# {path.name[:4].lstrip('0')}. TITLE`")
    return int(number), title
