"""`harness check --quick` and `harness init` as commands: exit codes, forms, files, usage."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.simulated import make_base
from harness.intake.reference import reference_files
from tests.unit.in_process import harness


@pytest.fixture
def assignment(root: Path) -> str:
    return str(root / "assignments" / "classical-chinese")


@pytest.fixture
def started(assignment: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """A submission in `r13921031`, with a base model of one layer in `Qwen3-tiny`, and what init said."""
    make_base(tmp_path / "Qwen3-tiny")
    words = ("init", "r13921031", "--assignment", assignment, "--base-model", "Qwen3-tiny")
    done = harness(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return done


def test_init_says_what_it_made_and_what_comes_next(
    started: subprocess.CompletedProcess[str], assignment: str, tmp_path: Path
) -> None:
    train = f"python3 submission/train.py --base_model {tmp_path}/Qwen3-tiny"
    assert started.stdout.splitlines() == [
        f"Made r13921031: {len(reference_files())} files.",
        "Its adapter changes nothing yet (LoRA of rank 4 on q_proj, B = 0).",
        "Next: look, train, put the trained adapter in place, check:",
        f"  harness check r13921031 --assignment {assignment} --base-model Qwen3-tiny --quick",
        f"  (cd r13921031 && {train} --train_file {assignment}/data/train.json --output_dir runs/training)",
        "  (cd r13921031 && cp -r runs/training/adapter_checkpoint/. adapter_checkpoint)",
        f"  harness check r13921031 --assignment {assignment} --base-model Qwen3-tiny",
        "When it is good, upload the adapter's zip and pack the hand-in with its link:",
        "  (cd r13921031 && python3 submission/pack.py --student_id r13921031 --source 'YOUR LINK' "
        "--adapter runs/training/adapter_checkpoint.zip --output runs/training/r13921031.zip)",
    ]


def test_init_refuses_what_it_cannot_do(started: object, assignment: str, tmp_path: Path) -> None:
    again = harness("init", "r13921031", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (3, "")
    assert "r13921031 is there and not empty." in again.stderr
    alone = harness("init", "other", "--base-model", "Qwen3-tiny", cwd=tmp_path)
    assert alone.returncode == 2 and "--base-model needs --assignment" in alone.stderr
    unnamed = harness("init", "mine", "--assignment", assignment, cwd=tmp_path)
    assert "Its name holds no student id: name it after yours, or give --student-id to check." in unnamed.stdout


def test_the_second_command_passes_at_once(
    started: subprocess.CompletedProcess[str], root: Path, tmp_path: Path
) -> None:
    command = started.stdout.splitlines()[3].split()
    # A process of its own, as a student starts it.
    done = subprocess.run(
        [sys.executable, "-m", "harness", *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root), "COLUMNS": "80"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    words = " ".join(done.stdout.split())
    assert "r13921031: nothing wrong in what was looked at" in words
    assert "Not looked at: fetch, render, run, validate, score, compare; run `harness check` without --quick." in words
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Qwen3-tiny", "r13921031"], "it keeps nothing"


def test_errors_by_severity_with_their_number_and_what_to_do(started: object, assignment: str, tmp_path: Path) -> None:
    (tmp_path / "r13921031" / "run.sh").write_bytes(b"#!/usr/bin/env bash\npython3.6 x.py\r\n")
    (tmp_path / "r13921031" / "predictions.json").write_text("[]")
    done = harness("check", "r13921031", "--quick", "--assignment", assignment, cwd=tmp_path, COLUMNS="120")
    assert done.returncode == 1
    lines = [line.strip() for line in done.stdout.splitlines()]
    errors = next(line for line in lines if line.startswith("Errors ("))
    warnings = next(line for line in lines if line.startswith("Warnings ("))
    assert lines.index(errors) < lines.index(warnings)
    counted = sum(line.startswith("error ") for line in lines), sum(line.startswith("warning ") for line in lines)
    assert (errors, warnings) == (f"Errors ({counted[0]})", f"Warnings ({counted[1]})")
    assert "1. Mend INT010 (script has Windows line ends) in run.sh:2 first: Convert it:" in done.stdout
    assert "shapes not compared: give --base-model" in done.stdout


def test_forms_on_standard_output_and_in_files(started: object, assignment: str, tmp_path: Path) -> None:
    (tmp_path / "r13921031" / "download.sh").unlink()
    (tmp_path / "out").mkdir()
    words = ("check", "r13921031", "--quick", "--assignment", assignment)
    saved = ("--save", "sarif=out/check.sarif", "--save", "text=out/check.txt", "--save", "junit=out/check.xml")
    done = harness(*words, "--format", "github", *saved, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith("::error file=r13921031/download.sh,title=INT004 required file is missing::"), first
    log = json.loads((tmp_path / "out" / "check.sarif").read_text(encoding="utf-8"))
    result, weights = log["runs"][0]["results"]
    assert (weights["ruleId"], weights["level"]) == ("INT008", "warning")
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert (result["ruleId"], place["uri"]) == ("INT004", "r13921031/download.sh")
    text = (tmp_path / "out" / "check.txt").read_text(encoding="utf-8")
    assert "Errors (1)" in text and "\x1b" not in text
    assert ET.parse(tmp_path / "out" / "check.xml").getroot().get("failures") == "1"
    inside = harness(*words[:1], ".", *words[2:], "--format", "github", cwd=tmp_path / "r13921031")
    assert inside.stdout.startswith("::error file=download.sh,title=INT004")
    record = json.loads(harness(*words, "--format", "json", cwd=tmp_path).stdout)
    assert (record["schema"], record["outcome"], record["sandbox"]) == ("record.v1", "failed", "none")
    assert (record["isolated"], record["assignment"]["base_model"]) == (False, "none")


def test_findings_name_the_predictions_that_were_given(started: object, assignment: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.json").write_text('[{"id": "a"', encoding="utf-8")
    words = ("check", "r13921031", "--quick", "--assignment", assignment, "--predictions", "out/mine.json")
    done = harness(*words, "--save", "github=out/annotations", "--save", "sarif=out/check.sarif", cwd=tmp_path)
    assert "VAL001 predictions are not valid JSON  (out/mine.json:1:12)" in " ".join(done.stdout.split("\n")), (
        done.stdout
    )
    assert "error file=out/mine.json,line=1," in (tmp_path / "out" / "annotations").read_text(encoding="utf-8")
    log = json.loads((tmp_path / "out" / "check.sarif").read_text(encoding="utf-8"))
    places = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in log["runs"][0]["results"]]
    assert "out/mine.json" in places
    assert "predictions.json" not in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--quick", "--output", "x"), "--quick runs and keeps nothing: leave out --output."),
        (("--quick", "--gpu", "auto", "--sandbox", "docker"), "leave out --sandbox, --gpu."),
        (("--adapter", "x"), "--adapter: only with --quick."),
        (("--quick",), "Missing option '--assignment'."),
        ((), "Missing options '--assignment' and '--base-model'."),
        (("--assignment", "x"), "Missing option '--base-model'."),
        (("--quick", "--save", "html=x"), "'html=x': expected FORMAT=FILE, with a FORMAT out of text, json, junit"),
        (("--quick", "--save", "sarif"), "expected FORMAT=FILE"),
        (("--quick", "--save", "json=nope/x.json"), "There is no folder nope: make it first."),
    ],
)
def test_usage(options: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = harness("check", ".", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())


def test_what_is_not_there(started: object, assignment: str, tmp_path: Path) -> None:
    words = ("check", "r13921031", "--quick", "--assignment", assignment)
    adapter = harness(*words, "--adapter", "none", cwd=tmp_path)
    assert adapter.returncode == 3 and "There is no folder none." in adapter.stderr
    base = harness(*words, "--base-model", "none", cwd=tmp_path)
    assert base.returncode == 4 and "There is no base model at none" in base.stderr
    above = harness(*words, "--base-model", str(tmp_path), cwd=tmp_path)
    said = " ".join(above.stderr.split())
    assert above.returncode == 3 and "is no base model but holds Qwen3-tiny." in said
    assert "/Qwen3-tiny." in said.replace(" ", "")
    full = harness(*words, "--save", "json=/proc/x.json", cwd=tmp_path)
    assert full.returncode == 3 and "/proc/x.json cannot be written" in full.stderr


def test_a_class_has_no_such_form(assignment: str, started: object, tmp_path: Path) -> None:
    words = ("grade", "--from", ".", "--assignment", assignment, "--base-model", "Qwen3-tiny", "--format", "sarif")
    done = harness(*words, "--output", str(tmp_path.parent / "runs"), cwd=tmp_path)
    assert done.returncode == 2 and "--format and --save are for one submission." in done.stderr
