"""Extensions from a file: what is granted, to whom, and what is said of a wrong entry."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.model.assignment import Assignment, LatePolicy
from harness.model.extension import Extension
from harness.schema.assignment import load_assignment
from harness.schema.extensions import LoadedExtensions, load_extensions

IDS = ("r13921031", "b09901001", "my-homework")
LATE = LatePolicy(deadline="2026-12-31T23:59:00", zone="Asia/Taipei", penalty_per_day=0.1, max_days=5)


@pytest.fixture
def assignment(root: Path) -> Assignment:
    return replace(load_assignment(root / "assignments" / "classical-chinese").assignment, late=LATE)


def load(text: str, assignment: Assignment, folder: Path) -> LoadedExtensions:
    path = folder / "extensions.yaml"
    path.write_text(text, encoding="utf-8")
    return load_extensions(path, assignment, submissions=IDS)


def refusal(text: str, assignment: Assignment, folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, assignment, folder)
    assert caught.value.remedy == "Mend the lines above; `harness schema extensions.v1` prints what is allowed."
    first, *lines = str(caught.value).replace(f"{folder}/", "").splitlines()
    assert first == "extensions.yaml cannot be used:"
    return [line.removeprefix("extensions.yaml:") for line in lines]


def test_loads_what_is_granted(assignment: Assignment, tmp_path: Path) -> None:
    text = """\
- {id: r13921031, until: 2027-01-03T23:59, reason: illness}
- {id: b09901001, days: 3, tokens: 1}
- {id: my-homework, tokens: 0}
"""
    loaded = load(text, assignment, tmp_path)
    assert loaded.unused == ()
    assert loaded.by_id == {
        "r13921031": Extension(id="r13921031", until="2027-01-03T23:59", reason="illness"),
        "b09901001": Extension(id="b09901001", days=3, tokens=1),
        "my-homework": Extension(id="my-homework", tokens=0),
    }
    assert load("[]", assignment, tmp_path).by_id == {}


def test_json_is_read_too(assignment: Assignment, tmp_path: Path) -> None:
    (tmp_path / "extensions.json").write_text('[{"id": "r13921031", "days": 1}]')
    loaded = load_extensions(tmp_path / "extensions.json", assignment, submissions=IDS)
    assert loaded.by_id["r13921031"].days == 1


def test_an_id_in_no_submission_is_told_and_is_no_error(assignment: Assignment, tmp_path: Path) -> None:
    loaded = load("- {id: r13921301, days: 1}\n- {id: d00000000, days: 1}\n", assignment, tmp_path)
    assert [str(one).removeprefix(f"{tmp_path}/") for one in loaded.unused] == [
        'extensions.yaml:1:8 at /0/id: expected the id of a submission, saw "r13921301"; did you mean `r13921031`?',
        'extensions.yaml:2:8 at /1/id: expected the id of a submission, saw "d00000000"; '
        "correct the id, or leave it until something is handed in",
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "- {id: r13921031, days: 1}\n- {id: r13921031, days: 2}\n",
            ['2:8 at /1/id: expected each id once, saw "r13921031" for the second time; make one entry of the two'],
        ),
        (
            "- {id: r1392103l, days: 1}\n",
            [
                "1:8 at /0/id: expected a student id ([a-z][0-9]{8}) or the id of a submission, "
                'saw "r1392103l"; did you mean `r13921031`?'
            ],
        ),
        (
            "- {id: nobody, days: 1}\n",
            [
                "1:8 at /0/id: expected a student id ([a-z][0-9]{8}) or the id of a submission, "
                'saw "nobody"; correct the id'
            ],
        ),
        (
            "- {id: r13921031, reason: illness}\n",
            ["1:3 at /0: expected one of `until`, `days`, `tokens`, saw none of them; say what is granted"],
        ),
        (
            "- {id: r13921031, days: 1, until: 2027-01-03T23:59}\n",
            ["1:35 at /0/until: expected `until` or `days`, saw both; remove one of the two"],
        ),
        (
            "- {id: r13921031, until: 2027-01-32T23:59}\n",
            [
                '1:26 at /0/until: expected a date and time that exist, saw "2027-01-32T23:59"; '
                "check month, day, hour and offset; the form is 2026-12-31T23:59:00+08:00"
            ],
        ),
        (
            "- {id: r13921031, until: 2026-12-30T23:59}\n",
            [
                "1:26 at /0/until: expected a time at or after the deadline 2026-12-31T23:59:00 Asia/Taipei, "
                'saw "2026-12-30T23:59"; write a later time, or remove the entry'
            ],
        ),
        ("- {id: r13921031, days: -1}\n", ["1:25 at /0/days: expected a whole number from 0 to 366 or null"]),
        ("r13921031: 3\n", ["1:1: expected a list, saw an object with the key `r13921031`; "]),
        ("- [r13921031\n", ["2:1: expected valid YAML"]),
    ],
)
def test_wrong_entries_are_told_with_their_place(
    text: str, lines: list[str], assignment: Assignment, tmp_path: Path
) -> None:
    seen = refusal(text, assignment, tmp_path)
    assert len(seen) == len(lines)
    for line, words in zip(seen, lines, strict=True):
        assert line.startswith(words)


def test_a_time_without_offset_needs_a_zone(assignment: Assignment, tmp_path: Path) -> None:
    plain = replace(LATE, deadline="2026-12-31T23:59:00+08:00", zone=None)
    assert refusal("- {id: r13921031, until: 2027-01-03T23:59}\n", replace(assignment, late=plain), tmp_path) == [
        '1:26 at /0/until: expected a time with offset, or a zone, saw "2027-01-03T23:59"; '
        "write it as 2026-12-31T23:59:00+08:00, or name the zone"
    ]


def test_without_a_late_policy_there_is_nothing_to_extend(assignment: Assignment, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the assignment classical-chinese has no late policy to extend"):
        load("[]", replace(assignment, late=None), tmp_path)


def test_a_file_that_is_not_there_is_told(assignment: Assignment, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^The file of extensions .*none\.yaml cannot be read: No such file"
    ) as caught:
        load_extensions(tmp_path / "none.yaml", assignment, submissions=IDS)
    assert caught.value.remedy == "Give the path of a YAML list, such as extensions.yaml."
