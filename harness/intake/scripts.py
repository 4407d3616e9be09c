"""Looks at `download.sh`, `run.sh` and Python files for what is known to go wrong. Runs nothing, reads little.

Nor is `bash -n` run: docs/adr/0006 says why.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from harness.intake.calls import adds_gdown, installs, uses_old_gdown
from harness.intake.plain import NotPlainFile, read_plain
from harness.intake.shell import Command, commands
from harness.language import NOTHING, Message, message, verbatim
from harness.model.finding import Finding, Location, finding
from harness.text import visible

DOWNLOAD = "download.sh"
RUN = "run.sh"

_READ_BYTES = 1_000_000
_EXCERPT_CHARACTERS = 120
_MOST_PER_FILE = 5
_MOST_IN_PYTHON = 20
_TESTS = frozenset({"test", "tests"})
_ARGUMENTS = 4

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NO_UTF8 = re.compile("[\ud800-\udfff]")
_SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh"})
_STARTS = r"(?:^|[\s;&|(`\"'=])"
_FIXED_PYTHON = re.compile(_STARTS + r"(?:/usr/(?:local/)?bin/)?(?:python|pip)(?:2|[23]\.\d+)(?=$|[\s;&|)\"'`])")
_GDOWN_WITHOUT = 6
_CALLED = re.compile(r"(?<![\w./-])((?:[\w.-]+/)*[\w-]+\.py)\b|(?<=\s)-m\s+([\w.]+)")
_DEFAULT = re.compile(r"\$\{[1-9]:?[-=](?:(?!\$\{)[^}])*+\}")
_HOME = re.compile(
    r"(?<![\w.~}-])/(?:(?:home|Users)/[\w.-]+|root\b(?![\w.-]))"
    r"|(?<!\w)(?:[A-Za-z]:\\{1,2}Users\b|[A-Za-z]:\\\\\w|[C-F]:\\(?![nrt])\w)"
)
_ARGUMENT = re.compile(r"\$\{?[#!]?([1-9])(?!\d)")
_ALL_ARGUMENTS = re.compile(r"\$\{?[@*]|\bshift\b|\bBASH_ARGV\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the scripts will meet.

    Attributes:
        gdown: Version of gdown where download.sh runs, or None where it is not known.
        test_files: Names of the test files of the assignment, which reach a submission only as an argument.
    """

    gdown: str | None = None
    test_files: tuple[str, ...] = ()


UNKNOWN = Surroundings()


def inspect_scripts(root: Path, surroundings: Surroundings = UNKNOWN) -> tuple[Finding, ...]:
    """Look at the two scripts in `root` and at the Python files below it, tests left out.

    Returns:
        Findings INT010 to INT019 and INT021 to INT023, each with file, line and an excerpt of it. A script that is not
        there is no finding.
    """
    found: list[Finding] = []
    called: frozenset[str] = frozenset()
    for name in (DOWNLOAD, RUN):
        if not ((root / name).exists() or (root / name).is_symlink()):
            continue
        text = _script_text(root / name)
        if text is None:
            found.append(
                finding(
                    "INT017", message("`{file}` is not plain UTF-8 text", file=name), where=Location(path=name, line=1)
                )
            )
            continue
        parsed = commands(text.replace("\r\n", "\n"))
        found += _inspect_script(name, text, parsed, surroundings)
        if name == RUN:
            called = _called(parsed)
    return (*found, *islice(_inspect_sources(root, called, surroundings.test_files), _MOST_IN_PYTHON))


def _inspect_script(name: str, text: str, parsed: tuple[Command, ...], surroundings: Surroundings) -> Iterator[Finding]:
    """Look at a script's text, and at its commands as they are with line ends that bash reads."""
    yield from _encoding(name, text)
    yield from _line_ends(name, text)
    yield from _first_line(name, text)
    yield from _each(name, parsed, "INT012", _FIXED_PYTHON.search)
    yield from _gdown_options(name, parsed, surroundings.gdown)
    yield from _each(name, parsed, "INT014", _HOME.search)
    if name == RUN:
        yield from _arguments(name, parsed)
        yield from _each(name, parsed, "INT016", installs)
        if surroundings.test_files:
            names = _names(surroundings.test_files)
            yield from _each(name, parsed, "INT019", lambda text: names.search(_DEFAULT.sub("", text)))


def _script_text(path: Path) -> str | None:
    """Give a script's text, each byte that is no UTF-8 as a surrogate; None where bash would not run it."""
    try:
        content = read_plain(path, most_bytes=_READ_BYTES)
    except NotPlainFile:
        return None
    if b"\0" in content or content.startswith(_UTF16):
        return None
    return content.decode("utf-8", "surrogateescape")


def _encoding(name: str, text: str) -> Iterator[Finding]:
    if found := _NO_UTF8.search(text):
        line = text.count("\n", 0, found.start())
        shown = _excerpt(text.split("\n", line + 1)[line].rstrip("\r"))
        yield finding(
            "INT022", message("a byte that is no UTF-8: {line}", line=shown), where=Location(path=name, line=line + 1)
        )


def _gdown_options(name: str, parsed: tuple[Command, ...], version: str | None) -> Iterator[Finding]:
    """Hold the options that gdown 6 dropped against the gdown that will be called."""
    if any(adds_gdown(command.text) for command in parsed):
        version = None
    lacks = version is not None and _major(version) >= _GDOWN_WITHOUT
    code = "INT018" if lacks else "INT013"
    limit = verbatim(f"gdown {version if lacks else _GDOWN_WITHOUT}")
    if version is not None and not lacks:
        limit = message(
            "gdown {version} in the image takes it, gdown {newer} does not", version=version, newer=_GDOWN_WITHOUT
        )
    for one in _each(name, parsed, code, uses_old_gdown, bare=True):
        yield replace(one, limit=limit)


def _major(version: str) -> int:
    number = re.match(r"\d{1,9}", version)
    return int(number.group()) if number else 0


def _names(test_files: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(re.escape(name) for name in test_files)})(?![\w-]|\.\w)")


def _called(parsed: tuple[Command, ...]) -> frozenset[str]:
    """Give the Python files that a script names, as a path or with `-m`."""
    found = _CALLED.findall("\n".join(command.text for command in parsed))
    return frozenset(path.removeprefix("./") if path else module.replace(".", "/") + ".py" for path, module in found)


def _each(
    name: str, parsed: tuple[Command, ...], code: str, search: Callable[[str], object], *, bare: bool = False
) -> Iterator[Finding]:
    hits = (command for command in parsed if search(command.bare if bare else command.text))
    for command in islice(hits, _MOST_PER_FILE):
        yield finding(code, verbatim(_excerpt(command.text)), where=Location(path=name, line=command.line))


def _line_ends(name: str, text: str) -> Iterator[Finding]:
    """Tell of CRs: an error where bash runs a word with one, a warning where all stand in comments or in data."""
    if "\r" not in text:
        return
    lines = text.split("\n")
    bad = [number for number, line in enumerate(lines, start=1) if line.endswith("\r")]
    worst = [command.line for command in commands(text) if command.bare.endswith("\r")]
    if lines[0].startswith("#!") and "\r" in lines[0]:
        bad, worst = bad or [1], [1, *worst]
    if not bad:
        return
    first = min(worst or bad)
    yield finding(
        "INT010" if worst else "INT021",
        message(
            "{count} of {total} lines end in CR LF, the first is {line}",
            count=len(bad),
            total=len(lines),
            line=_excerpt(lines[first - 1]),
        ),
        limit=message("lines end in LF: bash takes the CR as part of the last word")
        if worst
        else message("lines end in LF"),
        fix=message("Convert it: `sed -i 's/\\r$//' {file}`.", file=name),
        where=Location(path=name, line=first),
    )


def _first_line(name: str, text: str) -> Iterator[Finding]:
    first = text.partition("\n")[0].removesuffix("\r")
    if found := _shebang_problem(first):
        code, problem = found
        limit = (
            message("the grader calls `bash {file}`, so this line does not matter there", file=name)
            if code == "INT023"
            else NOTHING
        )
        yield finding(
            code,
            message("{problem}: {line}", problem=problem, line=_excerpt(first)),
            limit=limit,
            where=Location(path=name, line=1),
        )


def _shebang_problem(first: str) -> tuple[str, Message] | None:
    """Give code and words: a warning for what bash stumbles over, a note for what matters to other callers alone."""
    if first.startswith("\ufeff"):
        return "INT011", message("a byte order mark stands before the first line")
    if not first.startswith("#!"):
        return "INT023", message("the first line is no `#!` line")
    words = first[2:].split()
    programs = [word.rpartition("/")[2] for word in words]
    if programs[:1] == ["env"]:
        programs = [word for word in programs[1:] if not word.startswith("-")] or [""]
    if programs and programs[0] not in _SHELLS:
        return "INT011", message("the first line names another interpreter, but the grader calls `bash`")
    if not words or not words[0].startswith("/"):
        return "INT023", message("the interpreter's path does not begin with `/`")
    return None


def _arguments(name: str, parsed: tuple[Command, ...]) -> Iterator[Finding]:
    text = "\n".join(command.expanded for command in parsed)
    if _ALL_ARGUMENTS.search(text):
        return
    used = {int(number) for number in _ARGUMENT.findall(text)}
    unused = [f"${number}" for number in range(1, _ARGUMENTS + 1) if number not in used]
    if unused:
        yield finding(
            "INT015",
            message("{arguments} not used in `{file}`", arguments=tuple(unused), file=name),
            where=Location(path=name),
        )


def _inspect_sources(root: Path, called: frozenset[str], test_files: tuple[str, ...]) -> Iterator[Finding]:
    for path in sorted(path.relative_to(root) for path in root.rglob("*.py")):
        if _TESTS.isdisjoint(path.parts):
            name = path.as_posix()
            yield from _inspect_python(root / path, name, test_files if name in called else ())


def _inspect_python(path: Path, name: str, test_files: tuple[str, ...]) -> Iterator[Finding]:
    try:
        text = read_plain(path, most_bytes=_READ_BYTES).decode("utf-8", "replace")
    except NotPlainFile:
        return
    searches = {"INT014": _HOME.search}
    if test_files:
        searches["INT019"] = re.compile(rf"^(?!.*default).*[\"'][^\"']*{_names(test_files).pattern}[\"']").search
    for code, search in searches.items():
        lines = enumerate(text.split("\n"), start=1)
        hits = (row for row in lines if not row[1].lstrip().startswith("#") and search(row[1][:10_000]))
        for number, line in islice(hits, _MOST_PER_FILE):
            yield finding(code, verbatim(_excerpt(line)), where=Location(path=visible(name), line=number))


def _excerpt(line: str) -> str:
    shown = visible(line.strip(" \t"), _EXCERPT_CHARACTERS)
    return f"`{shown}`"
