"""A whole report of a made-up class: who is told what, what happens to submissions that cannot be read."""

import json
import shutil
from pathlib import Path
from typing import get_args

import pytest

from benchmarks.class_of_records import Class
from harness.batch.page_links import list_path, read_list
from harness.batch.publish import write_html
from harness.batch.reported import read_reported
from harness.language import language
from harness.model.result import Fault
from harness.report.html.views import Audience
from harness.schema.record import read_record

COUNT = 30
FEW = 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A class in which all happens, with its report for the staff and the public; not to be changed."""
    folder = tmp_path_factory.mktemp("class") / "run"
    Class(root=folder, assignment=root / "assignments" / "classical-chinese").write(COUNT)
    for audience in get_args(Audience):
        publish(folder, audience)
    return folder


@pytest.fixture
def run(tmp_path: Path, root: Path) -> Path:
    """A few submissions, to be changed."""
    Class(root=tmp_path / "run", assignment=root / "assignments" / "classical-chinese").write(FEW)
    return tmp_path / "run"


def publish(run: Path, audience: Audience = "staff", tag: str = "en") -> Path:
    target = run.parent / audience
    write_html(read_reported(run), target, audience=audience, t=language(tag), on_step=lambda done, total: None)
    return target


def text_of(target: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(target.rglob("*.html")))


def test_each_submission_has_a_page(run: Path) -> None:
    steps: list[tuple[int, int]] = []
    target = run.parent / "report"
    write_html(read_reported(run), target, audience="staff", t=language("en"), on_step=lambda *step: steps.append(step))
    assert steps == [(number, FEW) for number in range(1, FEW + 1)]
    assert len([*(target / "students").iterdir()]) == FEW
    assert 'href="students/r13921001.html"' in (target / "index.html").read_text(encoding="utf-8")


def test_nothing_for_the_staff_is_in_the_public_report(made: Path, root: Path) -> None:
    """Every text that is not for students is looked for in all pages; the staff's report shows that it was there."""
    examples = json.loads((root / "assignments" / "classical-chinese" / "data" / "private.json").read_text())
    secrets = {text for one in examples for text in (one["id"], one["output"], one["instruction"].split("\n")[0])}
    records = [read_record(path) for path in made.glob("submissions/*/record.json")]
    details = {one.staff_detail for record in records for one in record.findings if one.staff_detail}
    secrets |= {detail.splitlines()[-1] for detail in details}
    secrets |= {record.fault.message for record in records if record.fault}
    secrets |= {"GPU-7f3c9a52", "40/40 answered", "/srv/course", "/models/", str(root), str(made)}
    for path in made.glob("submissions/*/predictions.json"):
        secrets |= {row["output"] for row in json.loads(path.read_text()) if len(row["output"]) > 8}
    public, staff = text_of(made.parent / "public"), text_of(made.parent / "staff")
    assert details and any(isinstance(record.fault, Fault) for record in records)
    assert {one for one in secrets if one in public} == set()
    escaped = {one for one in secrets if one in staff}
    assert len(escaped) > len(examples)


def test_the_public_overview_names_nobody_and_pages_have_addresses_of_their_own(made: Path) -> None:
    target = made.parent / "public"
    assert "r1392" not in (target / "index.html").read_text(encoding="utf-8")
    names = read_list(list_path(target))
    assert sorted(names) == [f"r{13921001 + number}" for number in range(COUNT)]
    assert {path.name for path in (target / "students").iterdir()} == set(names.values())
    for submission_id, name in names.items():
        text = (target / "students" / name).read_text(encoding="utf-8")
        assert submission_id in text
        assert not any(other in text for other in names if other != submission_id)
    assert not (target / "public.links.csv").exists(), "the list is not published"
    publish(made, "public")
    assert read_list(list_path(target)) == names


def test_pages_of_one_run_are_the_same_bytes_again(run: Path) -> None:
    first = text_of(publish(run))
    assert text_of(publish(run)) == first


def test_what_cannot_be_trusted_or_is_not_there_yet_is_said(run: Path) -> None:
    (run / "submissions" / "r13921002" / "record.json").write_text("{")
    shutil.rmtree(run / "submissions" / "r13921003")
    target = publish(run)
    index = (target / "index.html").read_text(encoding="utf-8")
    assert "cannot be trusted" in index and "no record" in index
    assert "cannot be trusted, so nothing of it is shown" in (target / "students" / "r13921002.html").read_text()
    assert "There is no record of this submission yet." in (target / "students" / "r13921003.html").read_text()


def test_data_that_has_changed_leaves_references_out(run: Path, tmp_path: Path, root: Path) -> None:
    homework = tmp_path / "homework"
    shutil.copytree(root / "assignments" / "classical-chinese", homework, ignore=shutil.ignore_patterns("*.py"))
    (homework / "data" / "private.json").write_text("[]")
    target = tmp_path / "report"
    reported = read_reported(run, assignment=homework)
    write_html(reported, target, audience="staff", t=language("en"), on_step=lambda done, total: None)
    assert "references are left out" in (target / "index.html").read_text(encoding="utf-8")
    assert 'class="mark"' in (target / "index.html").read_text(encoding="utf-8"), "thresholds are still known"


def test_pages_come_in_the_language_that_is_asked_for(run: Path) -> None:
    assert '<html lang="zh-TW">' in (publish(run, tag="zh-TW") / "index.html").read_text(encoding="utf-8")
