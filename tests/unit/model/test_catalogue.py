"""Every code is raised, documented, and produced by a test that says so."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from harness.language import language
from harness.model.catalogue import CATALOGUE, STAGES, Entry, stage_of
from harness.report.explain import STAGE_TITLES, findings_markdown

PACKAGE = Path(harness.__file__).parent
TESTS = Path(__file__).parents[2]
PAGE = PACKAGE.parent / "docs" / "reference" / "findings.md"
CODE = re.compile(r"(?:INT|FET|ADM|REN|RUN|VAL|SCO|PAR)\d{3}")
# Its list says which findings a host may be to blame for: it raises none.
RAISES_NONE = {PACKAGE / "stages" / "blame.py"}


def codes_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
            yield node.value


class _Without(ast.NodeTransformer):
    """Cuts out comparisons, or findings that are made by hand."""

    def __init__(self, *, compared: bool = False, made: bool = False) -> None:
        self.compared, self.made = compared, made

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        return ast.Constant(None) if self.compared else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        is_finding = isinstance(node.func, ast.Name) and node.func.id in {"finding", "Finding"}
        return ast.Constant(None) if self.made and is_finding else node


def raised() -> set[str]:
    """Codes that the program names where it does not only compare with them."""
    paths = set(PACKAGE.rglob("*.py")) - set((PACKAGE / "model" / "catalogue").rglob("*.py")) - RAISES_NONE
    return {code for path in paths for code in codes_in(_Without(compared=True).visit(parsed(path)))}


def asserted() -> dict[str, set[str]]:
    """Codes that a test expects, with the files that do; a finding that a test makes by itself does not count."""
    found: dict[str, set[str]] = {code: set() for code in CATALOGUE}
    for path in TESTS.rglob("*.py"):
        if path == Path(__file__):
            continue
        for code in codes_in(_Without(made=True).visit(parsed(path))):
            found[code].add(path.name)
    return found


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def test_every_code_that_is_raised_is_in_the_catalogue_and_every_entry_is_raised() -> None:
    assert raised() == set(CATALOGUE)


def test_every_code_is_documented() -> None:
    page = PAGE.read_text("utf-8")
    assert page == findings_markdown(language("en")), (
        "make it: harness explain --format markdown > docs/reference/findings.md"
    )
    assert all(f"### {code}: " in page for code in CATALOGUE)


def test_every_code_is_expected_by_a_test() -> None:
    assert [code for code, files in asserted().items() if not files] == []


@pytest.mark.parametrize(("code", "entry"), CATALOGUE.items())
def test_an_entry_says_all_in_few_words(code: str, entry: Entry) -> None:
    assert entry.severity in {"error", "warning", "info"}
    assert stage_of(code) in STAGE_TITLES
    assert not entry.title.endswith(".")
    assert entry.why.endswith(".") and entry.fix.endswith(".")
    assert entry.why != entry.fix and entry.wrong != entry.right
    assert max(map(len, (entry.title, entry.wrong, entry.right))) <= 120
    assert len(entry.why) <= 200


def test_stages_have_titles() -> None:
    assert list(STAGES.values()) == list(STAGE_TITLES)
