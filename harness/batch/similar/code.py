"""Code of runs, pair by pair. The run folder keeps no code: the sources are unpacked again, as intake does."""

import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.batch.similar.entries import Entry, Step, baseline_of, comparable, rounded, z_of
from harness.errors import ConfigError
from harness.files import NotPlain, read_untrusted
from harness.intake.archive.unpack import unpack
from harness.intake.layout import find_root, tree_sha256
from harness.model.assignment import SubmissionRules
from harness.model.similar import Code, CodeMatch, CodePair, LeftOut
from harness.schema.assignment import FILE, LoadedAssignment, load_assignment
from harness.schema.run import read_run
from harness.similarity.fingerprints import Fingerprints, fingerprints, hashes, shares
from harness.similarity.matches import matches
from harness.similarity.stand import ranked, spread
from harness.similarity.tokens import Tokens, is_read, tokens_of

RUN_FILE = "run.json"
STARTER = "starter"
MOST_FILES = 300
MOST_FILE_BYTES = 4_000_000
MOST_BYTES = 8_000_000
MATCHES_SHOWN = 5


class _NotThere(Exception):
    """The code cannot be compared; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    path: Path
    revision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Student:
    entry: Entry
    files: Mapping[str, Tokens]
    prints: Fingerprints


def compare_code(
    entries: Sequence[Entry],
    *,
    sources: Path | None,
    assignment: Path | None,
    skeleton: Path | None,
    most: int,
    step: Step,
) -> Code:
    """Rank all pairs by the share of the smaller one's fingerprints, each weighed by how few students have it.

    Args:
        entries: The submissions.
        sources: Folder that holds what was handed in, by the names in the records; None: where run.json says.
        assignment: Its limits and ignored patterns apply; None: the one of run.json.
        skeleton: What was given to all; None: the folder `starter` of the assignment, if there is one.
        most: How many pairs are given.
        step: Is told how far it is.

    Raises:
        ConfigError: A folder that was given is not there.
    """
    for folder in (sources, skeleton):
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"There is no folder {folder}.", remedy="Give a folder that is there.")
    loaded = _assignments(entries, assignment)
    skeleton = skeleton or next((one for each in loaded.values() if (one := each.folder / STARTER).is_dir()), None)
    known = _skeleton_hashes(skeleton)
    students, left_out = [], []
    for number, entry in enumerate(entries, start=1):
        try:
            files = _read_submission(entry, sources, loaded)
            students.append(_Student(entry=entry, files=files, prints=fingerprints(files, known=known)))
        except _NotThere as problem:
            left_out.append(LeftOut(submission=entry.label, why=str(problem)))
        step("reading code", number, len(entries))
    return _rank(students, tuple(left_out), skeleton, known, most)


def _rank(
    students: Sequence[_Student],
    left_out: tuple[LeftOut, ...],
    skeleton: Path | None,
    known: Collection[int],
    most: int,
) -> Code:
    share = shares([one.prints.keys() for one in students])
    counted = comparable([one.entry for one in students])
    stand = spread(share, counted)
    pairs = tuple(
        CodePair(
            a=students[a].entry.label,
            b=students[b].entry.label,
            share=rounded(share[a, b]),
            z=z_of(share[a, b], stand),
            matches=_matches(students[a], students[b], known),
        )
        for a, b in ranked(share, counted, most)
        if share[a, b] > 0
    )
    return Code(
        compared=len(students),
        skeleton=None if skeleton is None else str(skeleton),
        baseline=baseline_of(stand),
        pairs=pairs,
        left_out=left_out,
    )


def _matches(one: _Student, other: _Student, known: Collection[int]) -> tuple[CodeMatch, ...]:
    found = matches(one.files, other.files, shared=(one.prints, other.prints), known=known)
    return tuple(
        CodeMatch(
            file_a=each.file_a,
            first_line_a=each.lines_a[0],
            last_line_a=each.lines_a[1],
            file_b=each.file_b,
            first_line_b=each.lines_b[0],
            last_line_b=each.lines_b[1],
            tokens=each.tokens,
        )
        for each in found[:MATCHES_SHOWN]
    )


def _skeleton_hashes(folder: Path | None) -> Collection[int]:
    if folder is None:
        return ()
    return {one for tokens in read_code(folder).values() for one in hashes(tokens)}


def _assignments(entries: Sequence[Entry], given: Path | None) -> dict[Path, LoadedAssignment]:
    """Load the assignment of each run: the one given, or the one that its run.json names, if it is still there."""
    found = {}
    for run in dict.fromkeys(entry.run for entry in entries):
        path = given
        if path is None and (run / RUN_FILE).is_file():
            path = Path(read_run(run / RUN_FILE).assignment_path)
            if not (path / FILE).is_file() and not path.is_file():
                path = None
        if path is not None:
            found[run] = load_assignment(path)
    return found


def _read_submission(entry: Entry, sources: Path | None, loaded: Mapping[Path, LoadedAssignment]) -> dict[str, Tokens]:
    if entry.run not in loaded:
        raise _NotThere("its assignment is not known; give it with --assignment")
    source = _source(entry, sources)
    rules = loaded[entry.run].assignment.submission
    with tempfile.TemporaryDirectory(prefix="harness-similar-") as scratch:
        root = _unpack(source, Path(scratch) / "submission", rules)
        if tree_sha256(root) != entry.record.submission.tree_sha256:
            raise _NotThere(f"{source.path.name} is not what was graded: it changed since")
        return read_code(root)


def _source(entry: Entry, sources: Path | None) -> _Source:
    if sources is not None:
        path = sources / entry.record.submission.source
        if not path.resolve().is_relative_to(sources.resolve()) or not path.exists():
            raise _NotThere(f"{entry.record.submission.source} is not in {sources}")
        return _Source(path=path, revision=None)
    if not (entry.run / RUN_FILE).is_file():
        raise _NotThere("the run does not say where it lies; give the folder of the hand-ins with --from")
    for one in read_run(entry.run / RUN_FILE).submissions:
        if one.id == entry.id and Path(one.source).exists():
            return _Source(path=Path(one.source), revision=one.revision)
    raise _NotThere("it does not lie any more where the run found it; give the folder of the hand-ins with --from")


def _unpack(source: _Source, target: Path, rules: SubmissionRules) -> Path:
    unpack(
        source.path,
        target,
        max_bytes=rules.max_bytes,
        max_files=rules.max_files,
        ignored=rules.ignored,
        revision=source.revision,
    )
    if not target.is_dir():
        raise _NotThere("it cannot be unpacked")
    return find_root(target)


def read_code(root: Path) -> dict[str, Tokens]:
    """Read the code below `root`, as much as `MOST_FILES` and `MOST_BYTES` allow; links are not followed."""
    found: dict[str, Tokens] = {}
    left = MOST_BYTES
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = (Path(folder) / name).relative_to(root).as_posix()
            if not is_read(path) or len(found) >= MOST_FILES:
                continue
            try:
                content = read_untrusted(root, path, max_bytes=min(MOST_FILE_BYTES, left))
            except NotPlain:
                continue
            left -= len(content)
            found[path] = tokens_of(path, content.decode("utf-8", "replace"))
    return found
