"""What a student reads when download.sh asks for a host that the assignment does not allow."""

from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.docker
BROKEN_RUN = "#!/bin/bash\n# $1 $2 $3 $4\nexit 1\n"
ASK = "#!/usr/bin/env bash\n{} https://files.example/adapter.zip -o adapter.zip\ncp -r brought/adapter_checkpoint .\n"


def test_a_failed_download_names_the_blocked_host(unscored: Path, assignment: Path, grade) -> None:
    (unscored / "download.sh").write_text("set -e\n" + ASK.format("curl -sS"))
    (unscored / "run.sh").write_text(BROKEN_RUN)
    graded = grade(unscored, assignment)
    findings = graded.stage("fetch")["findings"]
    found = {one["code"]: one for one in findings}
    assert [one["code"] for one in findings] == ["FET008", "FET002"]
    assert "CONNECT tunnel failed, response 403" in found["FET002"]["seen"]
    assert found["FET002"]["fix"] == "Probably because of the refused host above."
    assert found["FET008"]["seen"] == "download.sh was refused `files.example:443`."
    assert "drive.google.com, " in found["FET008"]["limit"]
    assert "files.example:443" in graded.stdout.replace("\n", "")
    log = (graded.folder / "logs" / "fetch.proxy.log").read_text()
    assert "TCP_DENIED/403" in log and "CONNECT files.example 443" in log


def test_a_script_that_goes_on_is_warned(unscored: Path, assignment: Path, grade) -> None:
    (unscored / "download.sh").write_text(ASK.format("curl -sS"))
    (unscored / "run.sh").write_text(BROKEN_RUN)
    graded = grade(unscored, assignment)
    stage = graded.stage("fetch")
    assert stage["status"] == "passed"
    assert [(one["code"], one["severity"]) for one in stage["findings"]] == [("FET009", "warning")]


@pytest.mark.parametrize("last", ["exit 1", "true"])
def test_a_machine_without_a_way_to_a_listed_host_is_not_the_students_fault(
    last: str, unscored: Path, assignment: Path, grade, set_budgets
) -> None:
    """No name below .invalid has an address (RFC 6761)."""
    _list_host(assignment, "files.invalid")
    set_budgets(fetch=2)  # no time for a second try
    (unscored / "download.sh").write_text(f"curl -sS https://files.invalid/adapter.zip -o adapter.zip\n{last}\n")
    graded = grade(unscored, assignment)
    fault = graded.record["fault"]
    assert (graded.exit_code, graded.record["outcome"], fault["kind"]) == (4, "not_graded", "HostFault")
    assert "The grading machine cannot reach files.invalid" in fault["message"]
    assert "Check its network and DNS" in fault["remedy"]


def test_a_name_that_a_student_can_invent_is_told_and_no_fault(unscored: Path, assignment: Path, grade) -> None:
    _list_host(assignment, ".files.invalid")
    (unscored / "download.sh").write_text("set -e\ncurl -sS https://invented.files.invalid/adapter.zip\n")
    graded = grade(unscored, assignment)
    assert graded.exit_code == 1
    found = graded.stage("fetch")["findings"]
    assert [one["code"] for one in found] == ["FET010", "FET002"]
    assert found[0]["seen"] == "`invented.files.invalid:443` did not answer from the grading machine."


def test_a_script_that_brings_nothing_is_quoted(unscored: Path, assignment: Path, grade) -> None:
    (unscored / "download.sh").write_text("rm -r brought\nunzip -q adapter.zip\nmkdir -p adapter_checkpoint\n")
    (found,) = grade(unscored, assignment).stage("fetch")["findings"]
    assert found["code"] == "FET004"
    assert "the folder `adapter_checkpoint` is empty. Its last lines:\nunzip:  cannot find" in found["seen"]
    assert "Begin download.sh with `set -e`" in found["fix"]


def _list_host(assignment: Path, host: str) -> None:
    path = assignment / "assignment.yaml"
    rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    rules["stages"]["fetch"]["hosts"] = [host]
    path.write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")


def test_without_hosts_there_is_no_network(unscored: Path, assignment: Path, grade) -> None:
    path = assignment / "assignment.yaml"
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.partition("    hosts:\n")
    path.write_text(head + rest[rest.index("    cpus:") :], encoding="utf-8")
    (unscored / "download.sh").write_text("set -e\nls /sys/class/net >&2\n" + ASK.format("curl -sS"))
    (unscored / "run.sh").write_text(BROKEN_RUN)
    graded = grade(unscored, assignment)
    (found,) = graded.stage("fetch")["findings"]
    assert found["code"] == "FET002"
    assert "lo\ncurl: (6) Could not resolve host: files.example" in found["seen"]
    assert not (graded.folder / "logs" / "fetch.proxy.log").exists()
