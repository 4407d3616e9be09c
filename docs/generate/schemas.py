"""Pages of the JSON Schemas: a table of fields for each object. Must not know any schema by name.

A keyword that the tables would not show is an error: a page must not say less than its schema.
"""

import json
from collections.abc import Iterator

from docs.generate.types import Schema, condition_words, type_words
from harness.schema import store

HEAD = ("| field | type | default | what it is | example |", "|---|---|---|---|---|")
LONGEST_EXAMPLE = 72
INDEX = """# File formats

What the grader reads and writes, as [JSON Schemas](https://json-schema.org/), a page each. `harness schema NAME` prints
one; `harness schema NAME --check FILE` holds a file against it and says line, column and what is wrong.

In the tables `a.b` is the field `b` of the object `a`, and `a[]` is each entry of the list `a`. A field that is not
required and has no default may be left out.
"""


def schemas_index() -> str:
    """Give the page that lists all schemas."""
    rows = [f"| [{name}]({name}.md) | {_cell(store.load(name)['description'])} |" for name in store.names()]
    return "\n".join([INDEX, "| format | what it is |", "|---|---|", *rows, ""])


def schema_page(name: str) -> str:
    """Give the page of one schema."""
    schema = store.load(name)
    lines = [f"# {name}: {schema['title'][0].lower() + schema['title'][1:]}", "", *_body(schema)]
    for key, part in schema.get("$defs", {}).items():
        lines += [f"## {key}", "", *_body(part)]
    return "\n".join(lines)


def _body(schema: Schema) -> Iterator[str]:
    yield schema["description"]
    yield ""
    rows = list(_rows(schema, prefix=""))
    if schema.get("type") != "object" or not rows:
        yield f"Type: {type_words(schema, cell=False)}."
        yield ""
    if rows:
        yield from (*HEAD, *rows)
        yield ""
    if "if" in schema:
        yield condition_words(schema)
        yield ""


def _rows(schema: Schema, *, prefix: str) -> Iterator[str]:
    """Give a row for each field; those of an object that stands inside follow it, with its name before theirs."""
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        cells = (
            f"`{prefix}{name}`",
            type_words(part),
            "required" if name in required else _value(part["default"]) if "default" in part else "",
            _cell(part["description"]),
            _value(part["examples"][0]) if "examples" in part else "",
        )
        yield f"| {' | '.join(cells)} |"
        yield from _rows(part, prefix=f"{prefix}{name}.")
    if "items" in schema:
        yield from _rows(schema["items"], prefix=f"{prefix.removesuffix('.')}[].")


def _value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f"`{_cell(text if len(text) <= LONGEST_EXAMPLE else text[: LONGEST_EXAMPLE - 40] + ' …')}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
