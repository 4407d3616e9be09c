"""Writes the HTML report of a run: its submissions one after the other, the folder whole or not at all.

TARGET/index.html         the run in figures; for the staff with a table of all submissions
TARGET/students/NAME.html a page for each submission
TARGET.links.csv          for a public report: whose page is which; not to be published
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from harness.batch.evidence import read_evidence
from harness.batch.kept import Trusted
from harness.batch.page_links import list_path, public_names, read_list, write_list
from harness.batch.reported import Reported
from harness.batch.wanted import NO_RECORD
from harness.batch.whole_folder import whole_folder
from harness.language import Language
from harness.model.regrade import LeftOut
from harness.report.html.names import page_name
from harness.report.html.overview import overview
from harness.report.html.rows import Standing
from harness.report.html.site import Site
from harness.report.html.student import student_page
from harness.report.html.tally import Tally
from harness.report.html.times import UTC
from harness.report.html.views import About, Audience, Link, StudentPage


def write_html(
    reported: Reported, target: Path, *, audience: Audience, t: Language, on_step: Callable[[int, int], None]
) -> Mapping[str, str]:
    """Write the report.

    Args:
        reported: The run.
        target: The folder to write; an earlier report there is replaced.
        audience: `public` leaves out what is for the staff alone, and who is who.
        t: The language.
        on_step: Is told how many of all submissions are done.

    Returns:
        Why others have no record that counts, by id; their pages say so.

    Raises:
        ConfigError: Something else lies at the target, or it cannot be written.
    """
    names = _names(reported, target, audience)
    beside = _beside(names) if audience == "staff" else {}
    about, tally = _about(reported), Tally()
    left_out: dict[str, str] = {}
    site = Site(about, audience=audience, t=t)
    with whole_folder(target) as folder:
        (folder / "students").mkdir()
        pages = _pages(reported, names, tally=tally, left_out=left_out, audience=audience)
        for done, page in enumerate(pages, start=1):
            before, after = beside.get(page.row.id, (None, None))
            text = site.student(replace(page, previous=before, next=after))
            (folder / "students" / page.row.page).write_text(text, encoding="utf-8")
            on_step(done, len(names))
        (folder / "index.html").write_text(site.index(overview(tally, about, audience=audience)), encoding="utf-8")
        if audience == "public":
            write_list(list_path(target), names)
    return left_out


def _names(reported: Reported, target: Path, audience: Audience) -> dict[str, str]:
    if audience == "public":
        return public_names(reported.submissions, read_list(list_path(target)))
    return {one: page_name(one) for one in reported.submissions}


def _about(reported: Reported) -> About:
    assignment, reference = reported.assignment, reported.reference
    bases = assignment.base_models if assignment else ()
    return About(
        title=assignment.title if assignment else reference.name,
        name=reported.folder.resolve().name,
        base_model=reference.base_model,
        split=reference.split,
        thresholds=next((dict(one.baselines) for one in bases if one.name == reference.base_model), {}),
        zone=(assignment.late.zone if assignment and assignment.late else None) or UTC,
        notes=reported.missing,
    )


def _pages(
    reported: Reported, names: Mapping[str, str], *, tally: Tally, left_out: dict[str, str], audience: Audience
) -> Iterator[StudentPage]:
    missing = dict(names)
    for one in reported.kept():
        if isinstance(one, LeftOut):
            left_out[one.id] = one.reason
        name = missing.pop(one.id if isinstance(one, LeftOut) else one.record.submission.id)
        yield _page(one, reported, name, tally=tally, audience=audience)
    left_out |= dict.fromkeys(missing, NO_RECORD)
    for each, name in missing.items():
        yield StudentPage(row=tally.add_other(each, Standing.MISSING, page=name))


def _page(one: Trusted | LeftOut, reported: Reported, name: str, *, tally: Tally, audience: Audience) -> StudentPage:
    if isinstance(one, LeftOut):
        row = tally.add_other(one.id, Standing.UNTRUSTED, page=name)
        return StudentPage(row=row, reason=one.reason if audience == "staff" else "")
    evidence = read_evidence(one, reported.examples)
    return student_page(one.record, evidence, row=tally.add(one.record, page=name), audience=audience)


def _beside(names: Mapping[str, str]) -> dict[str, tuple[Link | None, Link | None]]:
    """Give the pages before and after each, in the order of the ids."""
    links = [None, *(Link(id=one, page=name) for one, name in names.items()), None]
    return dict(zip(names, zip(links, links[2:], strict=False), strict=True))
