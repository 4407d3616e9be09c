"""Exports of a run folder that the real writer made, with whatever goes wrong in one."""

import csv
import io
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.batch.exports import export
from harness.batch.reported import read_reported
from harness.batch.store import RunStore
from harness.batch.wanted import Exported, Format, Wanted, take
from harness.batch.whole_folder import MARK
from harness.errors import ConfigError
from harness.language import language
from harness.model.result import Fault, Outcome
from harness.report.overview import show_overview
from harness.schema.record import read_record, record_text
from tests.unit.batch.regrading.conftest import class_of_40  # noqa: F401
from tests.unit.report.exports.readers import (
    CanvasUser,
    formulas,
    import_canvas,
    import_moodle_gradebook,
    import_worksheet,
)
from tests.unit.report.exports.test_gradescope import valid

MACHINE = "/srv/secret/place"
FIRST, LATE, NOT_GRADED, TORN, WITHOUT = "r13921001", "r13921004", "r13921002", "r13921003", "r13921005"
TITLE = "HW 1 (12345)"

Run = Callable[..., Exported]


@pytest.fixture
def run(class_of_40: Path, tmp_path: Path) -> Path:  # noqa: F811
    """Ten submissions: one was not graded, one has a torn record, one has none yet."""
    folder = tmp_path / "run"
    for number in range(10):
        name = f"r{13921000 + number:08d}"
        shutil.copytree(class_of_40 / "submissions" / name, folder / "submissions" / name)
    path = folder / "submissions" / NOT_GRADED / "record.json"
    record = read_record(path)
    fault = Fault(kind="EnvironmentFault", message=f"The disk of {MACHINE} is full.", remedy="Free some.")
    path.write_text(
        record_text(replace(record, outcome=Outcome.NOT_GRADED, fault=fault, verdict=None, score=None, text=None))
    )
    (folder / "submissions" / TORN / "predictions.json").write_text("[]")
    (folder / "submissions" / WITHOUT / "record.json").unlink()
    return folder


@pytest.fixture
def write(run: Path) -> Run:
    def apply(form: Format, lang: str = "en", **wanted: Any) -> Exported:
        options = Wanted(**{"target": None, **wanted})
        return export(read_reported(run), form, options, t=language(lang), on_step=lambda done, total: None)

    return apply


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    """Canvas's export: all ten, one more who handed in nothing, one who is excused."""
    rows = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", TITLE]]
    rows.append(["    Points Possible", "", "", "", "", "10"])
    rows += [[f"Student {n}", str(100 + n), f"R{13921000 + n:08d}", "", "A", ""] for n in range(11)]
    rows.append(["Student 11", "111", "r13921011", "", "A", "EX"])
    return table(tmp_path / "roster.csv", rows)


def table(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def users() -> list[CanvasUser]:
    return [CanvasUser(100 + n, f"Student {n}") for n in range(12)]


def totals(run: Path) -> dict[str, float]:
    records = (read_record(path) for path in run.glob("submissions/*/record.json"))
    return {one.submission.id: one.verdict.total for one in records if one.verdict}


def test_canvas(write: Run, run: Path, roster: Path) -> None:
    made = write("canvas", roster=roster, title=TITLE)
    done = import_canvas(made.text, users(), {12345: "HW 1"})
    assert (done.new_students, done.new_assignments) == ([], [])
    known = totals(run)
    assert len({*known.values()}) > 3
    for number in range(10):
        name = f"r{13921000 + number:08d}"
        blank = name in {NOT_GRADED, TORN, WITHOUT}
        assert done.grades[100 + number] == ("" if blank else str(known[name])), name
    assert (done.grades[110], done.grades[111]) == ("", "EX")
    assert made.notes == (
        "excused in Canvas, and still so: r13921011",
        f"left out: {TORN}: predictions.json is not what the record was made from: its SHA-256 differs",
        made.notes[2],
        f"not graded, so without points: {NOT_GRADED}",
        "no grade, nothing handed in: R13921010",
    )
    assert made.notes[2].startswith(f"left out: {WITHOUT}: ") and not made.complete


def test_zero_for_missing_is_for_them_alone(write: Run, roster: Path) -> None:
    made = write("canvas", roster=roster, title=TITLE, missing="zero")
    grades = import_canvas(made.text, users(), {12345: "HW 1"}).grades
    # Not graded, torn and not yet graded handed something in: no zero for them, nor for who is excused.
    assert [grades[at] for at in (102, 103, 105, 110, 111)] == ["", "", "", "0.0", "EX"]
    assert made.notes[-1] == "0 points, nothing handed in: R13921010"


def test_who_is_not_in_the_roster_stops_the_export(write: Run, tmp_path: Path) -> None:
    rows = [["id", "username"], *([f"r{13921000 + n:08d}", f"u{n}"] for n in range(8)), ["r13921018", "u8"]]
    path = table(tmp_path / "r.csv", rows)
    with pytest.raises(ConfigError) as caught:
        write("moodle-gradebook", roster=path)
    head, eight, nine = str(caught.value).splitlines()
    assert head == f"The submissions do not fit {path}:"
    assert eight == f"  r13921008: not in {path}; did you mean `r13921018` (line 10)?"
    assert nine.startswith(f"  r13921009: not in {path}; did you mean `r")
    assert "--leave-out-unknown writes the rest" in caught.value.remedy
    made = write("moodle-gradebook", roster=path, leave_out_unknown=True, title="HW 1")
    assert f"left out, not in {path}: r13921008, r13921009" in made.notes and not made.complete
    known = {f"u{n}": n for n in range(8)}
    grades = import_moodle_gradebook(made.text, known, identity="Username", title="HW 1")
    assert sorted(grades) == [0, 1, 4, 6, 7]  # 2, 3 and 5 have no grade, and a row without a number ends the import


def test_moodle_gradebook_needs_a_name_that_moodle_knows(write: Run, tmp_path: Path) -> None:
    rows = [["student id", "name"], *([f"r{13921000 + n:08d}", f"N{n}"] for n in range(10))]
    path = table(tmp_path / "r.csv", rows)
    with pytest.raises(ConfigError, match="has no column that names all of them to Moodle: ID number or Username or"):
        write("moodle-gradebook", roster=path)
    rows = [["student id", "email"], *([f"r{13921000 + n:08d}", f"+{n}@x" if n == 0 else f"{n}@x"] for n in range(10))]
    made = write("moodle-gradebook", roster=table(path, rows))
    assert "left out, their Email address reads as a formula: r13921000" in made.notes and not made.complete
    assert formulas(made.text) == []


def worksheet(path: Path, *, maximum: str = "10.00", ids: bool = True) -> Path:
    head = ["Identifier", "Full name", *(["ID number"] if ids else []), "Status", "Grade", "Maximum Grade"]
    head += ["Last modified (grade)", "Feedback comments"]
    rows = [head]
    for n in range(12):
        number = [f"R{13921000 + n:08d}"] if ids else []
        rows.append([f"Participant {n}", f"Student {n}", *number, "", "", maximum, "-", ""])
    return table(path, rows)


@pytest.mark.parametrize("ids", [True, False])
def test_worksheet(write: Run, run: Path, roster: Path, tmp_path: Path, ids: bool) -> None:
    sheet = worksheet(tmp_path / "sheet.csv", ids=ids)
    made = write("moodle", worksheet=sheet, roster=None if ids else roster)
    grades = import_worksheet(made.text.encode(), maximum=10, participants=set(range(12)))
    known = {int(name[-2:]): total for name, total in totals(run).items() if name not in {TORN}}
    assert {at: grade for at, (grade, _) in grades.items()} == known
    assert grades[1][1].startswith(f"{known[1]:g} of 10 points.<br>")
    if not ids:
        with pytest.raises(ConfigError, match="expected a column `student id` or"):
            write("moodle", worksheet=sheet)


def test_a_worksheet_with_another_maximum(write: Run, tmp_path: Path) -> None:
    made = write("moodle", worksheet=worksheet(tmp_path / "sheet.csv", maximum="100.00"))
    assert "Moodle's maximum grade is 100, and these grades are out of 10" in made.notes
    with pytest.raises(ConfigError, match=r"points are more than the maximum grade of 5\.00"):
        write("moodle", worksheet=worksheet(tmp_path / "sheet.csv", maximum="5.00"))


def test_folders_of_gradescope_and_markdown(write: Run, run: Path, tmp_path: Path) -> None:
    made = write("gradescope", target=tmp_path / "gs")
    assert made.notes[-1] == f"not graded, so without points: {NOT_GRADED}" and not made.complete
    names = {path.parent.name for path in tmp_path.glob("gs/*/results.json")}
    assert names == {f"r{13921000 + n:08d}" for n in range(10)} - {TORN, WITHOUT}
    for path in tmp_path.glob("gs/*/results.json"):
        results = json.loads(path.read_text())
        if path.parent.name != NOT_GRADED:
            assert valid(results)["score"] == totals(run)[path.parent.name]
        assert MACHINE not in path.read_text()
    write("markdown", target=tmp_path / "md", lang="zh-TW")
    texts = {path.stem: path.read_text() for path in tmp_path.glob("md/*.md")}
    assert texts.keys() == names and MACHINE not in "".join(texts.values())
    assert (tmp_path / "gs" / MARK).is_file()


def test_junit_and_csv(write: Run) -> None:
    suites = ElementTree.fromstring(write("junit").text)
    assert len(suites) == 8 and suites.get("errors") == "1"
    rows = list(csv.DictReader(io.StringIO(write("csv").text)))
    assert len(rows) == 8
    assert next(row for row in rows if row["id"] == NOT_GRADED)["total"] == ""


def test_nothing_foreign_is_written_over(write: Run, run: Path, roster: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.md").write_text("mine")
    for target, form, words in (
        (other, "markdown", "holds something that this command did not write"),
        (other, "csv", "is there and is a folder"),
        (roster, "canvas", "is, or lies in, what is read from"),
        (run / "submissions" / "new", "markdown", "is, or lies in, what is read from"),
        (run / "run.json", "csv", "is, or lies in, what is read from"),
        (other / "thesis.md", "csv", "is there already."),
    ):
        replaced = target != other / "thesis.md"
        extra = {"roster": roster, "title": TITLE} if form == "canvas" else {}
        with pytest.raises(ConfigError, match=words):
            write(form, target=target, replace=replaced, **extra)
    link = tmp_path / "link"
    link.symlink_to(other)
    with pytest.raises(ConfigError, match="is there and is a folder"):
        write("markdown", target=link, replace=True)
    assert (other / "thesis.md").read_text() == "mine"
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_an_earlier_export_is_replaced_whole(write: Run, tmp_path: Path) -> None:
    target = tmp_path / "md"
    target.mkdir()
    write("markdown", target=target)  # an empty folder is free
    (target / "stale.md").write_text("of an earlier run")
    with pytest.raises(ConfigError, match="is there already"):
        write("markdown", target=target)
    write("markdown", target=target, replace=True)
    assert not (target / "stale.md").exists() and (target / f"{FIRST}.md").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_nothing_is_left_where_writing_fails(write: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out" / "md"
    write("markdown", target=target)
    before = sorted(path.name for path in target.iterdir())
    real = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == f"{LATE}.md":
            raise OSError(28, "No space left on device", str(path))
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write("markdown", target=target, replace=True)
    assert sorted(path.name for path in target.iterdir()) == before
    assert [path.name for path in target.parent.iterdir()] == ["md"]


def test_overview(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    taken = take(read_reported(run), on_step=lambda done, total: None)
    show_overview(Console(width=120), taken.records, taken.left_out)
    text = capsys.readouterr().out
    assert "10 submissions · 7 passed · 1 not graded" in text
    assert f"not graded: {NOT_GRADED}\n  The disk of {MACHINE} is full.\n  Free some." in text
    assert f"left out: {TORN}: predictions.json is not what the record was made from" in text
    assert "points: median " in text


@pytest.mark.slow
def test_a_thousand_in_seconds(class_of_40: Path, tmp_path: Path) -> None:  # noqa: F811
    run = tmp_path / "run"
    source = class_of_40 / "submissions" / FIRST
    record = read_record(source / "record.json")
    store = RunStore(run)
    for number in range(1_000):
        name = f"r{13900000 + number:08d}"
        shutil.copytree(source, run / "submissions" / name)
        store.write(replace(record, submission=replace(record.submission, id=name)))
    rows = [["student id", "username", "name"], *([f"r{13900000 + n:08d}", f"u{n}", f"N {n}"] for n in range(1_000))]
    roster = table(tmp_path / "roster.csv", rows)
    begun = time.monotonic()
    reported, times = read_reported(run), {}
    for form, wanted in (
        ("canvas", Wanted(target=tmp_path / "canvas.csv", roster=roster, title=TITLE)),
        ("moodle-gradebook", Wanted(target=tmp_path / "moodle.csv", roster=roster)),
        ("gradescope", Wanted(target=tmp_path / "gs")),
        ("markdown", Wanted(target=tmp_path / "md")),
    ):
        at = time.monotonic()
        export(reported, form, wanted, t=language("en"), on_step=lambda done, total: None)  # type: ignore[arg-type]
        times[form] = round(time.monotonic() - at, 1)
    print(times)
    assert time.monotonic() - begun < 60, times
    assert len((tmp_path / "canvas.csv").read_text().splitlines()) == 1_002
    assert len(list((tmp_path / "md").glob("*.md"))) == 1_000
