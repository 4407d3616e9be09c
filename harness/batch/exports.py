"""What `harness report RUN --to FORMAT` writes: reads a run folder, has a format made of it, puts it in its place.

Must not know what a format looks like. The formats that need to know people are in `gradebook`.
"""

from harness.batch.gradebook import gradebook
from harness.batch.reported import Reported
from harness.batch.target import refuse_target, write_file, write_folder
from harness.batch.wanted import FOLDERS, ROSTERED, Exported, Format, OnStep, Taken, Wanted, take, title_of
from harness.files import json_text
from harness.language import Language
from harness.report.exports.gradescope import gradescope_results
from harness.report.exports.junit import junit_xml
from harness.report.exports.markdown import feedback_markdown
from harness.report.grades import grades_csv


def export(reported: Reported, form: Format, wanted: Wanted, *, t: Language, on_step: OnStep) -> Exported:
    """Write a run in a format.

    Args:
        reported: The run.
        form: The format.
        wanted: Where to, and what the format is to be like.
        t: The language of what students read.
        on_step: Is told how many submissions of how many are read.

    Raises:
        ConfigError: The place is taken, or roster or worksheet do not fit.
    """
    if wanted.target is not None:
        given = (wanted.roster, wanted.worksheet)
        inputs = (*(one for one in given if one), reported.folder / "submissions", reported.folder / "run.json")
        refuse_target(wanted.target, replace=wanted.replace, folder=form in FOLDERS, inputs=inputs)
    if form == "html":
        return _html(reported, wanted, t=t, on_step=on_step)
    taken = take(reported, on_step=on_step)
    if form in ROSTERED:
        made = gradebook(reported, taken, form, wanted, t=t)
        if wanted.target is not None:
            write_file(wanted.target, made.text)
        return made
    notes, complete = tuple(taken.notes()), not taken.left_out
    if form in FOLDERS:
        assert wanted.target is not None
        files = _gradescope(taken, wanted, t) if form == "gradescope" else _markdown(reported, taken, t)
        write_folder(wanted.target, files)
        return Exported(notes=notes, complete=complete)
    text = grades_csv(taken.records) if form == "csv" else junit_xml(taken.records, t)
    if wanted.target is not None:
        write_file(wanted.target, text)
    return Exported(text=text, notes=notes, complete=complete)


def _html(reported: Reported, wanted: Wanted, *, t: Language, on_step: OnStep) -> Exported:
    from harness.batch.page_links import list_path
    from harness.batch.publish import write_html

    assert wanted.target is not None
    left_out = write_html(reported, wanted.target, audience=wanted.audience, t=t, on_step=on_step)
    notes = list(Taken(records=(), left_out=left_out).notes())
    if wanted.audience == "public":
        notes.append(f"whose page is which, for the staff alone: {list_path(wanted.target)}")
    return Exported(notes=tuple(notes), complete=not left_out)


def _gradescope(taken: Taken, wanted: Wanted, t: Language) -> dict[str, str]:
    made = ((one, gradescope_results(one, t, visibility=wanted.visibility)) for one in taken.records)
    return {f"{one.submission.id}/results.json": json_text(results) for one, results in made}


def _markdown(reported: Reported, taken: Taken, t: Language) -> dict[str, str]:
    title = title_of(reported)
    return {f"{one.submission.id}.md": feedback_markdown(one, t, title=title) for one in taken.records}
