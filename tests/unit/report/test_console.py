"""What a person sees of a record, at two widths."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.language import language, verbatim
from harness.model.finding import Location, finding
from harness.model.result import Fault, Outcome, Record
from harness.report.console import show


def shown(record: Record, width: int, tag: str = "en") -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    show(record, console, folder=Path("/runs/1/submissions/r13921031"), t=language(tag))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 160])
def test_record_shows_stages_findings_scores_points_and_evidence(record: Record, width: int) -> None:
    text = shown(record, width)
    assert max(len(line) for line in text.splitlines()) <= width
    for words in (
        "error RUN003 run.sh ended with an error  (run.sh:3:1)",
        "2% of 60 s",
        "needs run",
        "50.000",
        "12.500",
        "4.00x",
        "Text metrics (predictions against references)",
        "│  21.50 │ 12.25 │        2.5% │         1.04 │  0.0% │  10.0% │",
        "chrF++ nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:2.6.0",
        "BLEU   nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|version:2.6.0",
        "0 / 4",
        "r13921031: errors found",
        "Evidence: /runs/1/submissions/r13921031",
    ):
        assert words in text, words


def test_markup_of_a_student_is_shown_as_it_is(record: Record) -> None:
    hostile = finding("RUN003", "[red]x[/] [link=http://example.org]y[/link]")
    stages = (replace(record.stages[1], findings=(hostile,), summary="[bold]z[/]"),)
    text = shown(replace(record, stages=stages), 160)
    assert "[red]x[/] [link=http://example.org]y[/link]" in text
    assert "[bold]z[/]" in text


def test_a_hostile_name_is_text_wherever_it_stands(record: Record) -> None:
    """As a file's name and as a key in a JSON file: no style, no link, no control character reaches the terminal."""
    name = "[click here](https:evil.example) {0} [red]x[/] :warning: \x1b]8;;https://evil.example\x07y\u202e.gguf"
    hostile = finding("RUN003", f"{name} is there.", where=Location(path=name, line=1, pointer=f"/0/{name}"))
    text = shown(replace(record, stages=(replace(record.stages[1], findings=(hostile,)),)), 400)
    assert text.count("[click here](https:evil.example) {0} [red]x[/] :warning: \\x1b]8;;https://evil.example") == 3
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


def test_a_fault_is_not_the_students(record: Record, fault: Fault) -> None:
    text = shown(replace(record, fault=fault, outcome=Outcome.NOT_GRADED, score=None, verdict=None), 80)
    assert "EnvironmentFault: The engine is gone." in text
    assert "Start it again." in text
    assert "not graded (the submission is not to blame)" in text


def test_a_run_without_isolation_says_so(record: Record) -> None:
    assert "NOT isolated" in shown(replace(record, isolated=False), 80)
    assert "NOT isolated" not in shown(record, 80)


@pytest.mark.parametrize("width", [80, 160])
def test_chinese_lines_up(record: Record, width: int) -> None:
    text = shown(record, width, "zh-TW")
    tables: list[list[int]] = [[]]
    for line in text.splitlines():
        assert cell_len(line) <= width, line
        if line[:1] in "┏┃┡│├└":
            tables[-1].append(cell_len(line))
        else:
            tables.append([])
    assert [len(set(one)) for one in tables if one] == [1, 1, 1, 1]
    for words in (
        "錯誤 RUN003 run.sh 執行失敗  (run.sh:3:1)",
        "修正 請修正最後幾行所說的問題",
        "60 s 的 2%",
        "┃ 階段",
        "│ intake   │ 通過 │ 0.1 s │",
        "困惑度（越低越好）",
        "文字指標（預測結果與參考答案比較）",
        "遲交扣分",
        "r13921031: 發現錯誤",
        "評分資料：/runs/1/submissions/r13921031",
    ):
        assert words in text, words


def test_an_excerpt_stands_above_what_was_seen_and_is_not_broken(record: Record) -> None:
    excerpt = '  "outputs": "學習並時常溫習"\n  ^'
    found = finding("VAL002", verbatim("the unknown key `outputs`"), excerpt=excerpt)
    text = shown(replace(record, stages=(replace(record.stages[1], findings=(found,)),)), 80)
    assert '  line   "outputs": "學習並時常溫習"' in text
    assert "\n          ^" in text
