"""What a person sees of a regrade, at two widths."""

import csv
import io

import pytest
from rich.console import Console

from harness.model.regrade import LeftOut, Move, Near, Regraded, Rescored
from harness.report.moves import moves_csv, moves_json, show_near, show_regraded

WHY = (
    "Strong baseline: 2 -> 0 (perplexity 10.040 is above 10 (strong))",
    "Late penalty: 1 -> 0.8 (1 day late: 10% of the points (handed in 2027-01-01 10:00, deadline 2026-12-31 23:59 "
    "Asia/Taipei))",
)
DONE = Regraded(
    assignment="classical-chinese",
    assignment_sha256="0" * 64,
    tolerance=0.005,
    moves=(
        Move(id="r13921031", before=9.0, after=7.2, possible_before=10, possible_after=10, why=WHY),
        Move(
            id="b" * 64, before=0.0, after=10.0, possible_before=10, possible_after=10, why=("[red]x[/]: 0 -> 10 (y)",)
        ),
    ),
    unchanged=296,
    not_graded=("r13921001",),
    left_out=(LeftOut(id="r13921002", reason="evidence/score.json is not what the record was made from"),),
    near=(
        Near(
            id="r13921031", line="Strong baseline", metric="perplexity", baseline="strong", score=10.04, threshold=10.0
        ),
        Near(
            id="b09901001", line="Public baseline", metric="perplexity", baseline="public", score=19.99, threshold=20.0
        ),
    ),
    rescored=(
        Rescored(id="r13921031", line="Strong baseline", threshold=10.0, before=10.04, after=10.05),
        Rescored(id="r13921031", line="Corpus", threshold=10.0, before=10.04, after=9.99),
        Rescored(
            id="b09901001", line="Public baseline", threshold=20.0, before=19.99, after=None, problem="no adapter"
        ),
    ),
    notes=("Best possible grade: 10 -> 11.",),
)
NOTHING = Regraded(
    assignment="a", assignment_sha256="0", tolerance=0.005, moves=(), unchanged=3, not_graded=(), left_out=(), near=()
)


def printed(show: object, done: Regraded, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    show(done, console)  # type: ignore[operator]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 160])
def test_tables_fit_and_say_all(width: int) -> None:
    text = printed(show_regraded, DONE, width)
    assert max(len(line) for line in text.splitlines()) <= width
    flat = " ".join("".join(char if char.isprintable() and char not in "│┃" else " " for char in text).split())
    for words in (
        "r13921031",
        "-1.8",
        "+10",
        "[red]x[/]: 0 -> 10 (y)",
        "Left out: no new record",
        "Within 0.5 % of a threshold",
        "10.040",
        "+0.400 %",
        "-0.050 %",
        "not earned",
        "10.050",
        "stands",
        "turns",
        "not scored: no adapter" if width == 160 else "not scored:",
        "Best possible grade: 10 -> 11.",
        "1 up, 1 down, 296 unchanged, 1 still not graded, 1 left out.",
    ):
        assert words in flat, words
    if width == 160:
        assert WHY[0] in text


def test_nothing_to_tell_is_said_in_two_lines() -> None:
    assert printed(show_regraded, NOTHING, 80) == (
        "No score is within 0.5 % of a threshold.\n0 up, 0 down, 3 unchanged.\n"
    )


def test_the_list_of_near_scores_alone_says_what_was_left_out() -> None:
    text = printed(show_near, DONE, 160)
    assert "Moved" not in text
    assert "evidence/score.json is not what the record was made from" in text
    assert "Within 0.5 % of a threshold" in text


def test_csv_and_json() -> None:
    (first, second) = csv.DictReader(io.StringIO(moves_csv(DONE.moves)))
    assert first == {
        "id": "r13921031",
        "before": "9",
        "after": "7.2",
        "change": "-1.8",
        "possible_before": "10",
        "possible_after": "10",
        "why": "; ".join(WHY),
    }
    assert second["change"] == "10"
    told = moves_json(DONE)
    assert told["counts"] == {"up": 1, "down": 1, "unchanged": 296, "not_graded": 1, "left_out": 1}
    assert told["borderline"][0]["distance"] == pytest.approx(0.004)  # type: ignore[index]
    assert told["borderline"][0]["earned"] is False  # type: ignore[index]
    assert [one["stands"] for one in told["rescored"]] == [True, False, None]  # type: ignore[attr-defined]
