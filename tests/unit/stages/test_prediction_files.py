"""Broken predictions files, each with the words that its student reads, in every language.

Each `predictions/NAME.json` is picked up by itself; `NAME.en.txt` and `NAME.zh-TW.txt` are what a terminal of 100
columns shows of its findings.
"""

import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.language import TAGS, language
from harness.report.console import finding_block
from harness.stages.predictions import check_predictions

FOLDER = Path(__file__).parent / "predictions"
FILES = sorted(FOLDER.glob("*.json"))
WANTED = [f"p{number:04}" for number in range(1, 7)]
WIDTH = 100


def shown(path: Path, tag: str) -> str:
    findings, _ = check_predictions(path.read_bytes(), wanted=WANTED, quote=True)
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    for one in findings:
        console.print(finding_block(one, language(tag)))
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def test_there_are_many() -> None:
    assert len(FILES) >= 50
    assert {path.name for path in FOLDER.iterdir()} == {
        name for path in FILES for name in (path.name, *(f"{path.stem}.{tag}.txt" for tag in TAGS))
    }


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_broken_file_gets_the_words_beside_it(path: Path, tag: str) -> None:
    assert shown(path, tag) == path.with_suffix(f".{tag}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_caret_stands_below_the_column(path: Path) -> None:
    for one in check_predictions(path.read_bytes(), wanted=WANTED, quote=True)[0]:
        if one.excerpt:
            line, caret = one.excerpt.split("\n")
            assert caret.rstrip("^").strip(" \N{IDEOGRAPHIC SPACE}") == ""
            assert cell_len(caret) <= cell_len(line) + 1
            assert cell_len(line) <= 64


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_on_private_data_no_file_is_quoted(path: Path) -> None:
    for one in check_predictions(path.read_bytes(), wanted=WANTED, quote=False)[0]:
        assert one.excerpt is None
        public = " ".join((one.seen, one.limit, one.fix, str(one.where)))
        assert not any(word in public for word in ("p0001", "p0003", "three", "train_17", "學", "溫"))
