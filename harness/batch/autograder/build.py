"""Builds the zip that Gradescope takes as an autograder out of an assignment."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.batch.autograder.settings import FILE, Settings
from harness.batch.autograder.wheel import own_wheel, zipped
from harness.batch.plan import find_base
from harness.batch.target import refuse_target
from harness.errors import ConfigError
from harness.files import json_text, write_whole
from harness.language import Language
from harness.model.assignment import Assignment
from harness.report.exports.gradescope import Visibility, not_graded_results
from harness.schema.assignment import LoadedAssignment, load_assignment

_SCRIPTS = Path(__file__).parent
_STAGES = ("fetch", "render", "run", "score")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the zip is to hold and do.

    Attributes:
        limit_s: When the harness is ended, before Gradescope's own limit.
        base: Folder of a base model: submissions are run and scored; None only looks at them.
        private_data: With a base model: grade on the private data, which submissions can then read.
        results: What `harness report --to gradescope` wrote: nothing is graded there, results are handed out.
        wheels: Folder of all the wheels that are needed, so that nothing is downloaded there.
        visibility: When students see the results.
        mail_domain: Whose addresses give the student id before the @, where Gradescope has no student ID.
    """

    limit_s: int
    base: Path | None = None
    private_data: bool = False
    results: Path | None = None
    wheels: Path | None = None
    visibility: Visibility = "visible"
    mail_domain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The size of the zip, its files, and what the staff should know."""

    size_bytes: int
    names: tuple[str, ...]
    notes: tuple[str, ...]


def build_autograder(assignment: Path, target: Path, wanted: Wanted, *, t: Language, replace: bool) -> Built:
    """Write the zip, whole or not at all.

    Raises:
        ConfigError: A path or the assignment is wrong, or something is at the target.
        EnvironmentFault: There is no base model, or the harness is not installed.
    """
    loaded = load_assignment(assignment)
    inputs = tuple(one for one in (loaded.folder, wanted.base, wanted.results, wanted.wheels) if one)
    refuse_target(target, replace=replace, folder=False, inputs=inputs)
    files = {
        "setup.sh": ((_SCRIPTS / "setup.sh").read_bytes(), 0o755),
        "run_autograder": ((_SCRIPTS / "run_autograder.sh").read_bytes(), 0o755),
        **{name: (content, 0o644) for name, content in _files(loaded, wanted, t)},
    }
    content = zipped(files)
    write_whole(target, content)
    return Built(size_bytes=len(content), names=tuple(files), notes=tuple(_notes(loaded.assignment, wanted)))


def _files(loaded: LoadedAssignment, wanted: Wanted, t: Language) -> Iterator[tuple[str, bytes]]:
    base = find_base(loaded.assignment, wanted.base) if wanted.base else None
    settings = Settings(
        mode="results" if wanted.results else "full" if base else "quick",
        language=t.tag,
        student_id=loaded.assignment.submission.student_id,
        visibility=wanted.visibility,
        base=f"base/{base.name}" if base else None,
        private=wanted.private_data,
        mail_domain=wanted.mail_domain,
    )
    yield FILE, settings.text().encode()
    yield "not_graded.json", json_text(not_graded_results(t, visibility=wanted.visibility)).encode()
    yield "limit_s", f"{wanted.limit_s}\n".encode()
    yield "extra", b"[local]\n" if base else b"\n"
    yield from ((f"assignment/{name}", content) for name, content in _assignment(loaded, private=wanted.private_data))
    if wanted.base and base:
        yield from ((f"base/{base.name}/{path.name}", path.read_bytes()) for path in _plain(wanted.base, "*"))
    if wanted.results:
        yield from _results(wanted.results)
    name, wheel = own_wheel()
    yield f"wheels/{name}", wheel
    if wanted.wheels:
        yield "offline", b"setup.sh installs what lies in wheels/ and asks no index.\n"
        others = (one for one in _plain(wanted.wheels, "*.whl") if not one.name.startswith("lora_harness-"))
        yield from ((f"wheels/{path.name}", path.read_bytes()) for path in others)


def _assignment(loaded: LoadedAssignment, *, private: bool) -> Iterator[tuple[str, bytes]]:
    """Give the assignment and the data that students have; what else lies in its folder stays out."""
    data = loaded.assignment.data
    yield "assignment.yaml", (loaded.folder / "assignment.yaml").read_bytes()
    for name in dict.fromkeys(one for one in (data.train, data.public, data.private if private else None) if one):
        path = loaded.folder / name
        if not path.resolve().is_relative_to(loaded.folder.resolve()) or not path.is_file():
            raise ConfigError(
                f"The data file {path} is not there, or lies outside of the assignment's folder.",
                remedy="Put it beside assignment.yaml, and correct its path there.",
            )
        yield name, path.read_bytes()


def _results(folder: Path) -> Iterator[tuple[str, bytes]]:
    found = sorted(folder.glob("*/results.json"))
    if not found:
        raise ConfigError(
            f"There are no results in {folder}: no ID/results.json.",
            remedy="Give what `harness report RUN --to gradescope --output FOLDER` wrote.",
        )
    yield from ((f"results/{path.parent.name}.json", path.read_bytes()) for path in found)


def _plain(folder: Path, pattern: str) -> list[Path]:
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not found:
        raise ConfigError(f"There is no {pattern} in {folder}.", remedy="Give a folder that holds such files.")
    return found


def _notes(assignment: Assignment, wanted: Wanted) -> Iterator[str]:
    if wanted.results:
        yield "hands out the results that it carries; it grades nothing"
    elif wanted.base is None:
        yield "looks at files and adapter without running anything; it gives no points: make the assignment worth 0"
        return
    else:
        yield "runs submissions as plain processes: what they do there is not kept from the grader or its data"
        if wanted.private_data:
            yield "carries the private data: a submission can read and send out the references"
        longest = sum(getattr(assignment.stages, name).timeout_s for name in _STAGES)
        if longest > wanted.limit_s:
            yield (
                f"the stages may take {longest:g} s together, and Gradescope's time ends at {wanted.limit_s} s: "
                "a submission that takes longer is not graded there"
            )
