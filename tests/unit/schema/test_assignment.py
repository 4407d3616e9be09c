import hashlib
import json
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.model.assignment import Assignment, Example
from harness.schema.assignment import load_assignment, load_examples
from harness.schema.assignment_rules import broken_rules

HOMEWORK = Path(__file__).parent / "examples" / "good" / "assignment.v1--homework.yaml"
ROWS = [{"id": "a1", "instruction": "q", "output": "a"}, {"id": "a2", "instruction": "q", "output": "a"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name in ("train", "public", "private"):
        (tmp_path / "data" / f"{name}.json").write_text(json.dumps(ROWS))
    (tmp_path / "assignment.yaml").write_bytes(HOMEWORK.read_bytes())
    return tmp_path


def edit(folder: Path, before: str, after: str) -> None:
    path = folder / "assignment.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def refusal(folder: Path) -> list[str]:
    """The lines of the message after the first, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load_assignment(folder)
    assert caught.value.remedy == "Mend the lines above; `harness schema assignment.v1` prints what is allowed."
    first, *lines = str(caught.value).replace(f"{folder}/", "").splitlines()
    assert first == "assignment.yaml cannot be used:"
    return lines


def test_loads_from_the_folder_or_the_file(folder: Path) -> None:
    loaded = load_assignment(folder)
    assert loaded == load_assignment(folder / "assignment.yaml")
    assert loaded.folder == folder
    assert loaded.sha256 == hashlib.sha256(HOMEWORK.read_bytes()).hexdigest()
    assert isinstance(loaded.assignment, Assignment)
    assert loaded.assignment.stages.fetch.timeout_s == 3600
    assert loaded.assignment.stages.fetch.pids == 512
    assert loaded.assignment.stages.fetch.hosts == ()
    assert loaded.assignment.base_models[0].baselines == {"public": 20.0, "strong": 10.0}


def test_the_homework_of_this_repository_loads(root: Path) -> None:
    loaded = load_assignment(root / "assignments" / "classical-chinese")
    for path in (loaded.assignment.data.public, loaded.assignment.data.private):
        assert load_examples(loaded.folder / path)


def test_schema_problems_are_told_with_their_place(folder: Path) -> None:
    edit(folder, "timeout_s: 3600", "timeout_s: 1h")
    edit(folder, "max_rank", "max_ranks")
    assert refusal(folder) == [
        "assignment.yaml:35:3 at /adapter/max_ranks: expected one of the keys `path`, `max_bytes`, `max_rank`, "
        "`target_modules`, saw the unknown key `max_ranks`; did you mean `max_rank`?",
        'assignment.yaml:47:16 at /stages/fetch/timeout_s: expected a number > 0, saw "1h"; '
        "write seconds, such as 3600",
    ]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            "[a-z][0-9]{8}",
            "[a-z",
            '20:15 at /submission/student_id: expected a regular expression, saw "[a-z"; '
            "mend it (unterminated character set at position 0), or write something such as [a-z][0-9]{8}",
        ),
        (
            "data/public.json",
            "../public.json",
            "6:11 at /data/public: expected a path inside the assignment's folder, "
            'saw "../public.json"; write a relative path without `..`',
        ),
        (
            "path: adapter_checkpoint",
            "path: /adapter",
            "33:9 at /adapter/path: expected a path inside the submission, "
            'saw "/adapter"; write a relative path without `..`',
        ),
        (
            "path: adapter_checkpoint",
            "path: .",
            '33:9 at /adapter/path: expected a path inside the submission, saw "."; write a relative path without `..`',
        ),
        (
            "data/train.json",
            "data/trian.json",
            '5:10 at /data/train: expected a file that is there, saw "data/trian.json"; '
            "make the file, or correct the path (relative to assignment.yaml)",
        ),
        (
            "data/public.json",
            "data",
            '6:11 at /data/public: expected a file that is there, saw "data"; '
            "make the file, or correct the path (relative to assignment.yaml)",
        ),
        (
            "    command: [bash, download.sh]\n",
            "",
            "46:5 at /stages/fetch: expected the key `command` with at least one word, saw none; "
            "write command: [bash, download.sh]",
        ),
        (
            "[bash, download.sh]",
            '[bash, download.sh, "{adapter}"]',
            '46:34 at /stages/fetch/command/2: expected a word without placeholder, saw "{adapter}"; remove the braces',
        ),
        (
            "[bash, download.sh]\n",
            '[bash, download.sh]\n    hosts: [drive.google.com, "https://example.org"]\n',
            '47:31 at /stages/fetch/hosts/1: expected a host, a .domain, an address or network, or "*", '
            'saw "https://example.org"; '
            "write the host alone: example.org",
        ),
        (
            "[bash, download.sh]\n",
            "[bash, download.sh]\n    hosts: [127.0.0.1]\n",
            '47:13 at /stages/fetch/hosts/0: expected a host, a .domain, an address or network, or "*", '
            'saw "127.0.0.1"; '
            "write an address of another machine: the proxy would look for this one in its own container",
        ),
        (
            '    command: [bash, run.sh, "{base}"',
            '    hosts: ["*"]\n    command: [bash, run.sh, "{base}"',
            "55:12 at /stages/run/hosts: expected no hosts, saw a list of 1; remove the key: only fetch has network",
        ),
        (
            '    command: [bash, run.sh, "{base}", "{adapter}", "{input}", "{output}"]\n',
            "",
            "55:5 at /stages/run: expected the key `command` with at least one word, saw none; "
            'write command: [bash, run.sh, "{base}", "{adapter}", "{input}", "{output}"]',
        ),
        (
            '"{base}"',
            '"{bsae}"',
            "55:29 at /stages/run/command/2: expected a word, or one of {base}, {adapter}, {input}, {output} alone, "
            'saw "{bsae}"; did you mean "{base}"?',
        ),
        (
            '"{base}"',
            '"--model={base}"',
            "55:29 at /stages/run/command/2: expected a word, or one of {base}, {adapter}, {input}, {output} alone, "
            'saw "--model={base}"; did you mean "{base}"?',
        ),
        (
            ', "{output}"]',
            "]",
            "55:14 at /stages/run/command: expected the placeholder {output}, saw a command without it; "
            'add the word "{output}": the stage puts the path in its place',
        ),
        (
            "  score:\n",
            "  score:\n    command: [bash]\n",
            "60:14 at /stages/score/command: expected no command, saw a list of 1; "
            "remove the key: this stage runs a program of the grader",
        ),
        (
            "name: Qwen3-tiny",
            "name: Qwen3-4B",
            '14:11 at /base_models/1/name: expected a name of its own, saw "Qwen3-4B" for the second time; '
            "rename one of the two",
        ),
        (
            "name: Strong baseline",
            "name: Public baseline",
            '79:11 at /rubric/2/name: expected a name of its own, saw "Public baseline" for the second time; '
            "rename one of the two",
        ),
        (
            "baseline: strong",
            "baseline: stong",
            '82:15 at /rubric/2/baseline: expected a baseline of Qwen3-4B: public, strong, saw "stong"; '
            "did you mean `strong`?",
        ),
        (
            "      strong: 120.0\n",
            "",
            '81:15 at /rubric/2/baseline: expected a baseline of Qwen3-tiny: public, saw "strong"; '
            "add it to the baselines of Qwen3-tiny",
        ),
        (
            "2026-12-31T23:59:00+08:00",
            "2026-02-30T23:59:00+08:00",
            '84:13 at /late/deadline: expected a date and time that exist, saw "2026-02-30T23:59:00+08:00"; '
            "check month, day, hour and offset; the form is 2026-12-31T23:59:00+08:00",
        ),
        (
            "2026-12-31T23:59:00+08:00",
            "2026-12-31T23:59:00",
            '84:13 at /late/deadline: expected a time with offset, or a zone, saw "2026-12-31T23:59:00"; '
            "write it as 2026-12-31T23:59:00+08:00, or name the zone",
        ),
        (
            '"2026-12-31T23:59:00+08:00"',
            "2026-12-31T23:59:00\n  zone: Taipei",
            '85:9 at /late/zone: expected the IANA name of a time zone, saw "Taipei"; did you mean `Asia/Taipei`?',
        ),
        (
            '"2026-12-31T23:59:00+08:00"',
            "2026-12-31T23:59:00\n  zone: ../../etc/passwd",
            '85:9 at /late/zone: expected the IANA name of a time zone, saw "../../etc/passwd"; '
            "write a name such as Asia/Taipei",
        ),
        (
            '"2026-12-31T23:59:00+08:00"',
            '"2026-12-31T23:59:00+09:00"\n  zone: Asia/Taipei',
            "84:13 at /late/deadline: expected the offset of Asia/Taipei at that time, "
            'saw "2026-12-31T23:59:00+09:00"; write +08:00, or no offset',
        ),
        (
            '"2026-12-31T23:59:00+08:00"',
            "2027-03-28T02:30:00\n  zone: Europe/Berlin",
            '84:13 at /late/deadline: expected a time that exists in Europe/Berlin, saw "2027-03-28T02:30:00"; '
            "write an earlier or a later time: the clocks are put forward over this one",
        ),
        (
            '"2026-12-31T23:59:00+08:00"',
            "2026-10-25T02:30:00\n  zone: Europe/Berlin",
            '84:13 at /late/deadline: expected a time that comes once in Europe/Berlin, saw "2026-10-25T02:30:00"; '
            "add the offset: 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00",
        ),
    ],
)
def test_rules_beyond_the_schema(folder: Path, before: str, after: str, line: str) -> None:
    edit(folder, before, after)
    assert refusal(folder)[0] == f"assignment.yaml:{line}"


def test_a_valid_assignment_breaks_no_rule_and_needs_no_late_policy(folder: Path) -> None:
    path = folder / "assignment.yaml"
    path.write_text(path.read_text().partition("late:")[0])
    assignment = load_assignment(folder).assignment
    assert assignment.late is None
    assert list(broken_rules(assignment)) == []


def test_a_file_that_is_no_yaml_is_told(folder: Path) -> None:
    (folder / "assignment.yaml").write_bytes("名字: 一".encode("utf-16"))
    assert refusal(folder) == [
        "assignment.yaml:1:1: expected UTF-8, saw UTF-16 or UTF-32; "
        'save it as UTF-8; in Python: open(path, "w", encoding="utf-8")'
    ]


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "assignment.yaml", tmp_path / "no" / "such"):
        with pytest.raises(ConfigError, match=r"^The assignment .* cannot be read: No such file or dir") as caught:
            load_assignment(path)
        assert caught.value.remedy == "Give a folder that holds assignment.yaml, or the file itself."


def test_loads_examples(folder: Path) -> None:
    assert load_examples(folder / "data" / "public.json") == (
        Example(id="a1", instruction="q", output="a"),
        Example(id="a2", instruction="q", output="a"),
    )


def test_an_example_id_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "public.json"
    path.write_text(json.dumps([*ROWS, ROWS[0]], indent=1))
    with pytest.raises(ConfigError) as caught:
        load_examples(path)
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "public.json cannot be used:\n"
        'public.json:13:9 at /2/id: expected each id once, saw "a1" for the second time; give the row an id of its own'
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "saw an empty file"),
        ("[]", "expected a list with at least one entry, saw an empty list"),
        ('[{"id": "a", "instruction": "q"}]', "expected the key `output`"),
    ],
)
def test_bad_examples_are_told(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "public.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=words) as caught:
        load_examples(path)
    assert caught.value.remedy == "Mend the lines above; `harness schema examples.v1` prints what is allowed."
    with pytest.raises(ConfigError, match=r"^The data file .* cannot be read: No such file or directory"):
        load_examples(tmp_path / "none.json")


def test_a_students_copy_without_the_private_data_loads(folder: Path) -> None:
    (folder / "data" / "private.json").unlink()
    assert load_assignment(folder).assignment.data.private == "data/private.json"
