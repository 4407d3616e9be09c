"""The generated pages: what is committed is what the code says now."""

from pathlib import Path

import click
import pytest

from docs.generate.commands import WIDTH, contexts
from docs.generate.pages import MARK, pages
from docs.generate.types import condition_words, type_words
from harness.cli import COMMANDS, cli

PAGES = pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_committed_page_is_the_generated_one(name: str, root: Path) -> None:
    path = root / "docs" / name
    assert path.is_file(), f"docs/{name} is not there: run `make reference` and commit it"
    assert path.read_text(encoding="utf-8") == PAGES[name], f"docs/{name} is out of date: run `make reference`"


def test_no_generated_page_is_left_over(root: Path) -> None:
    marked = {
        path.relative_to(root / "docs").as_posix()
        for path in (root / "docs").rglob("*.md")
        if path.read_text(encoding="utf-8").startswith(MARK)
    }
    assert marked == set(PAGES) - {"reference/findings.md"}


def test_every_command_has_a_section_with_its_help() -> None:
    page = PAGES["reference/cli.md"]
    for name in COMMANDS:
        assert f"\n## harness {name}\n\n```text\nUsage: harness {name} " in page
    assert "\n### harness downloads prune\n" in page and "--older-than DAYS" in page


def test_help_has_one_width_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    before = PAGES["reference/cli.md"]
    monkeypatch.setenv("COLUMNS", "47")
    assert pages()["reference/cli.md"] == before
    inside = [line for block in before.split("```text\n")[1:] for line in block.split("```")[0].splitlines()]
    assert max(map(len, inside)) <= WIDTH


def test_a_group_comes_before_its_commands() -> None:
    @click.group()
    def outer() -> None: ...

    @outer.group()
    def inner() -> None: ...

    inner.command("last")(lambda: None)
    found = [context.command_path for context in contexts(click.Context(outer, info_name="outer"))]
    assert found == ["outer", "outer inner", "outer inner last"]
    assert len(list(contexts(click.Context(cli, info_name="harness")))) > len(COMMANDS)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1}, "integer, at least 1"),
        ({"type": ["string", "null"], "minLength": 1}, "string or null, not empty"),
        ({"const": "record.v1"}, '`"record.v1"`'),
        ({"enum": ["a", "b"]}, 'one of `"a"`, `"b"`'),
        ({"type": "string", "pattern": "^(a|b)$"}, "string, matches `^(a\\|b)$`"),
        ({"type": "string", "pattern": "^[0-9a-f]{64}$", "minLength": 64}, "string, 64 hexadecimal digits"),
        ({"type": "array", "items": {"type": "number"}, "maxItems": 3}, "list of (number), at most 3 entries"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of names to (number)"),
        ({"anyOf": [{"$ref": "#/$defs/aB"}, {"type": "null"}]}, "[aB](#ab) or null"),
        ({"$ref": "receipt.v1"}, "[receipt.v1](receipt.v1.md)"),
        ({"$ref": "extensions.v1#/$defs/extension"}, "[extension](extensions.v1.md#extension)"),
        ({}, "anything"),
    ],
)
def test_types_in_words(schema: dict[str, object], words: str) -> None:
    assert type_words(schema) == words


def test_a_keyword_without_words_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no words for multipleOf"):
        type_words({"type": "number", "multipleOf": 2})


def test_a_condition_in_words() -> None:
    schema = {
        "if": {"properties": {"metric": {"const": 1}}},
        "then": {"properties": {"baseline": {"type": "null"}}},
        "else": {"properties": {"baseline": {"type": "string"}}},
    }
    assert condition_words(schema) == "If `metric` is `1`, then `baseline` is null; else `baseline` is string."
