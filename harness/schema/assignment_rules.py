"""What an assignment must hold beyond its schema: names that must match, paths, patterns, placeholders. No I/O."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from zoneinfo import available_timezones

from harness.model.assignment import Assignment, LatePolicy
from harness.model.hosts import parse_host
from harness.model.zones import TimeError, find_zone, offset_fits, read_time
from harness.schema.nearest import nearest
from harness.schema.position import pointer_to
from harness.schema.validate import Wrong, broken
from harness.schema.words import seen_words

PLACEHOLDERS = ("{base}", "{adapter}", "{input}", "{output}")
NEEDED = ("{input}", "{output}")
_BRACED = re.compile(r"\{[^{}]*\}")


def broken_rules(assignment: Assignment) -> Iterator[Wrong]:
    """Give every rule that a schema cannot say and that the assignment breaks."""
    yield from _student_id(assignment)
    yield from _paths(assignment)
    yield from _commands(assignment)
    yield from _hosts(assignment)
    yield from _repeated("base_models", [one.name for one in assignment.base_models])
    yield from _repeated("rubric", [one.name for one in assignment.rubric])
    yield from _baselines(assignment)
    yield from _late(assignment.late)


def _student_id(assignment: Assignment) -> Iterator[Wrong]:
    pattern = assignment.submission.student_id
    try:
        re.compile(pattern)
    except re.error as error:
        remedy = f"mend it ({error}), or write something such as [a-z][0-9]{{8}}"
        yield broken("/submission/student_id", "a regular expression", seen_words(pattern), remedy)


def _paths(assignment: Assignment) -> Iterator[Wrong]:
    data = assignment.data
    named = {"/adapter/path": assignment.adapter.path, "/data/public": data.public, "/data/private": data.private}
    if data.train is not None:
        named["/data/train"] = data.train
    for pointer, text in named.items():
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            where = "inside the submission" if pointer == "/adapter/path" else "inside the assignment's folder"
            yield broken(pointer, f"a path {where}", seen_words(text), "write a relative path without `..`")


def _commands(assignment: Assignment) -> Iterator[Wrong]:
    stages = assignment.stages
    yield from _needs_command("fetch", stages.fetch.command, "[bash, download.sh]")
    yield from _needs_command("run", stages.run.command, '[bash, run.sh, "{base}", "{adapter}", "{input}", "{output}"]')
    for name, command in (("render", stages.render.command), ("score", stages.score.command)):
        if command:
            remedy = "remove the key: this stage runs a program of the grader"
            yield broken(f"/stages/{name}/command", "no command", seen_words(list(command)), remedy)
    yield from _words("fetch", stages.fetch.command, ())
    yield from _words("run", stages.run.command, PLACEHOLDERS)
    missing = [one for one in NEEDED if stages.run.command and one not in stages.run.command]
    for one in missing:
        remedy = f'add the word "{one}": the stage puts the path in its place'
        yield broken("/stages/run/command", f"the placeholder {one}", "a command without it", remedy)


def _needs_command(stage: str, command: tuple[str, ...], example: str) -> Iterator[Wrong]:
    if not command:
        pointer = f"/stages/{stage}"
        yield broken(
            pointer,
            "the key `command` with at least one word",
            "none",
            f"write command: {example}",
        )


def _words(stage: str, command: tuple[str, ...], allowed: tuple[str, ...]) -> Iterator[Wrong]:
    for index, word in enumerate(command):
        if word in allowed or not _BRACED.search(word):
            continue
        hint = nearest(word, allowed)
        expected = f"a word, or one of {', '.join(allowed)} alone" if allowed else "a word without placeholder"
        remedy = f'did you mean "{hint}"?' if hint else "remove the braces"
        yield broken(pointer_to(["stages", stage, "command", index]), expected, seen_words(word), remedy)


def _hosts(assignment: Assignment) -> Iterator[Wrong]:
    stages = assignment.stages
    for index, entry in enumerate(stages.fetch.hosts):
        try:
            parse_host(entry)
        except ValueError as error:
            pointer = pointer_to(["stages", "fetch", "hosts", index])
            yield broken(
                pointer,
                'a host, a .domain, an address or network, or "*"',
                seen_words(entry),
                str(error),
            )
    for name, one in (("render", stages.render), ("run", stages.run), ("score", stages.score)):
        if one.hosts:
            remedy = "remove the key: only fetch has network"
            yield broken(f"/stages/{name}/hosts", "no hosts", seen_words(list(one.hosts)), remedy)


def _repeated(field: str, names: Iterable[str]) -> Iterator[Wrong]:
    known: set[str] = set()
    for index, name in enumerate(names):
        if name in known:
            seen = f"{seen_words(name)} for the second time"
            yield broken(
                pointer_to([field, index, "name"]),
                "a name of its own",
                seen,
                "rename one of the two",
            )
        known.add(name)


def _baselines(assignment: Assignment) -> Iterator[Wrong]:
    for index, item in enumerate(assignment.rubric):
        lacking = [one for one in assignment.base_models if item.baseline and item.baseline not in one.baselines]
        for base in lacking:
            hint = nearest(str(item.baseline), base.baselines)
            expected = f"a baseline of {base.name}: {', '.join(base.baselines) or 'it has none'}"
            remedy = f"did you mean `{hint}`?" if hint else f"add it to the baselines of {base.name}"
            yield broken(pointer_to(["rubric", index, "baseline"]), expected, seen_words(item.baseline), remedy)


def _late(late: LatePolicy | None) -> Iterator[Wrong]:
    if late is None:
        return
    if late.zone is not None:
        try:
            find_zone(late.zone)
        except TimeError as error:
            hint = nearest_zone(late.zone)
            yield broken("/late/zone", error.expected, seen_words(late.zone), hint or error.remedy)
            return
    yield from wrong_time("/late/deadline", late.deadline, late.zone)


def wrong_time(pointer: str, text: str, zone: str | None) -> Iterator[Wrong]:
    """Give what is wrong with a time of the late policy or of an extension to it; the zone is one that there is."""
    try:
        time = read_time(text, zone)
    except TimeError as error:
        yield broken(pointer, error.expected, seen_words(text), error.remedy)
        return
    if zone is not None and not offset_fits(text, zone):
        own = time.replace(microsecond=0).isoformat()[-6:]
        yield broken(
            pointer,
            f"the offset of {zone} at that time",
            seen_words(text),
            f"write {own}, or no offset",
        )


def nearest_zone(name: str) -> str | None:
    """Guess which time zone was meant: the whole name, or its last part, mistyped or in other letters."""
    known = {zone.lower(): zone for zone in available_timezones()}
    cities = {zone.rpartition("/")[2]: zone for zone in known if "/" in zone}
    found = nearest(name, known) or cities.get(nearest(name, cities) or "")
    return f"did you mean `{known[found]}`?" if found else None
