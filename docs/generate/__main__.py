"""Writes the generated pages into docs/: `python -m docs.generate`."""

from pathlib import Path

from docs.generate.pages import pages

DOCS = Path(__file__).resolve().parents[1]


def main() -> None:
    """Write what changed, and say so."""
    for name, text in pages().items():
        path = DOCS / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
