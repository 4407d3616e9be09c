"""SARIF 2.1.0: valid by our own schema of the part that we write, and by the standard's where npm brings it."""

import json
import re
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from harness.language import Language
from harness.model.catalogue import CATALOGUE
from harness.model.finding import Location, finding
from harness.model.result import Fault, Record
from harness.report.formats.sarif import sarif

OURS = Draft202012Validator(json.loads(Path(__file__).with_name("sarif.schema.json").read_text(encoding="utf-8")))
# It carries the standard's schema, and nothing else on npm or PyPI was found that does.
PACKAGE, INSIDE = "@microsoft/jest-sarif@1.0.0-beta.0", "package/lib/schemas/sarif-2.1.0-rtm.5.json"


def run_of(record: Record, t: Language, prefix: str = "") -> dict[str, Any]:
    log = json.loads(sarif(record, t=t, prefix=prefix))
    OURS.validate(log)
    (run,) = log["runs"]
    return run  # type: ignore[no-any-return]


def places(run: dict[str, Any]) -> list[dict[str, Any]]:
    return [one["locations"][0]["physicalLocation"] for one in run["results"]]


def read(text: str) -> str:
    """Read a message by §3.11 of the standard: bare brackets are links, single braces placeholders; ours has none."""
    literal = re.sub(r"\\[\\\[\]]|\{\{|\}\}", "", text)
    assert not re.search(r"[\\\[\]{}]", literal), text
    return re.sub(r"\\([\\\[\]])|(\{)\{|(\})\}", lambda found: "".join(filter(None, found.groups())), text)


def test_rules_are_the_catalogue(mixed: Record, t: Language) -> None:
    rules = run_of(mixed, t)["tool"]["driver"]["rules"]
    assert [one["id"] for one in rules] == list(CATALOGUE)
    (crlf,) = (one for one in rules if one["id"] == "INT010")
    assert crlf["shortDescription"]["text"] == "script has Windows line ends"
    assert crlf["help"]["text"].startswith("Convert it: `sed -i 's/\\r$//' FILE`.")
    assert crlf["defaultConfiguration"] == {"level": "error"}


def test_results_point_at_rules_and_places(mixed: Record, t: Language) -> None:
    run = run_of(mixed, t)
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert [rules[one["ruleIndex"]]["id"] for one in results] == [one["ruleId"] for one in results]
    assert [(one["ruleId"], one["level"]) for one in results] == [
        ("INT006", "warning"),
        ("PAR003", "note"),
        ("RUN003", "error"),
        ("VAL002", "error"),
    ]
    assert places(run)[2] == {
        "artifactLocation": {"uri": "run.sh", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 1},
    }
    assert results[3]["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "/0/outputs"}]
    assert results[2]["message"]["text"].startswith(
        "run.sh ended with an error: run.sh ended with exit code 3.\nLimit: "
    )


def test_a_finding_without_a_place_stands_at_the_script_of_its_stage(record: Record, t: Language) -> None:
    fetch = replace(record.stages[1], stage="fetch", findings=(finding("FET001", "late"),))
    run = replace(record.stages[1], findings=(finding("RUN001", "late"),))
    uris = [one["artifactLocation"]["uri"] for one in places(run_of(replace(record, stages=(fetch, run)), t, "hw/1"))]
    assert uris == ["hw/1/download.sh", "hw/1/run.sh"]


def test_a_fault_is_no_result(faulty: Record, t: Language) -> None:
    run = run_of(faulty, t)
    assert run["results"] == []
    assert run["invocations"] == [
        {
            "executionSuccessful": False,
            "toolExecutionNotifications": [
                {"level": "error", "message": {"text": "EnvironmentFault: The engine is gone. Start it again."}}
            ],
        }
    ]


def test_a_quick_check_says_what_it_left_out(quick: Record, t: Language) -> None:
    (invocation,) = run_of(quick, t)["invocations"]
    assert invocation["executionSuccessful"] is True
    assert invocation["toolExecutionNotifications"] == [
        {"level": "note", "message": {"text": "Not looked at: validate; run `harness check` without --quick."}}
    ]


def test_nothing_hostile_leaves_its_text(hostile: Record, t: Language) -> None:
    text = sarif(hostile, t=t)
    assert not [char for char in text if char != "\n" and (ord(char) < 32 or char in "\x7f\u2028\u202e\ufffe\ud800")]
    (place,) = places(run_of(hostile, t))
    assert unquote(place["artifactLocation"]["uri"]).startswith("a,b:c%0A::error::x]]>\\x1b[31m\\r")


def test_a_files_name_is_no_link_and_no_placeholder(record: Record, t: Language) -> None:
    name = "[click here](https:evil.example) {0} \\[x\\](1).gguf"
    found = finding("RUN003", f"{name} is there.", where=Location(path=name, line=1, pointer=f"/{name}"))
    skipped = replace(record.stages[2], summary=name)
    (result,) = run_of(replace(record, stages=(replace(record.stages[1], findings=(found,)), skipped)), t)["results"]
    seen, place, _ = read(result["message"]["text"]).split("\n")
    assert (seen, place) == (f"run.sh ended with an error: {name} is there.", f"Place: /{name}")
    fault = replace(record, fault=Fault(kind="EnvironmentFault", message=name, remedy="Start it."))
    (invocation,) = run_of(fault, t)["invocations"]
    (note,) = invocation["toolExecutionNotifications"]
    assert read(note["message"]["text"]) == f"EnvironmentFault: {name} Start it."


def test_words_of_rules_have_no_links_or_placeholders(mixed: Record, t: Language) -> None:
    for rule in run_of(mixed, t)["tool"]["driver"]["rules"]:
        for text in (rule["shortDescription"]["text"], rule["help"]["text"]):
            assert not re.search(r"\]\(|\{\d+\}", text), text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_the_standards_own_schema(
    mixed: Record, hostile: Record, faulty: Record, quick: Record, t: Language, tmp_path: Path
) -> None:
    packed = subprocess.run(["npm", "pack", PACKAGE], cwd=tmp_path, capture_output=True, text=True, check=False)
    if packed.returncode != 0:
        pytest.skip(f"npm brings no {PACKAGE}: {packed.stderr[-200:]}")
    with tarfile.open(tmp_path / packed.stdout.split()[-1]) as archive:
        member = archive.extractfile(INSIDE)
        assert member is not None
        standard = Draft7Validator(json.load(member))
    for record in (mixed, hostile, faulty, quick):
        standard.validate(json.loads(sarif(record, t=t, prefix="hw/1")))
    with pytest.raises(Exception, match="is not one of"):
        standard.validate(json.loads(sarif(mixed, t=t).replace('"level": "error"', '"level": "bad"')))
