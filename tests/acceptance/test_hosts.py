"""What a student reads when download.sh asks for a host that the assignment does not allow."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.docker
BROKEN_RUN = "#!/bin/bash\n# $1 $2 $3 $4\nexit 1\n"
ASK = "#!/usr/bin/env bash\n{} https://files.example/adapter.zip -o adapter.zip\ncp -r brought/adapter_checkpoint .\n"


def test_a_failed_download_names_the_blocked_host(unscored: Path, assignment: Path, grade) -> None:
    (unscored / "download.sh").write_text("set -e\n" + ASK.format("curl -sS"))
    (unscored / "run.sh").write_text(BROKEN_RUN)
    graded = grade(unscored, assignment)
    found = {one["code"]: one for one in graded.stage("fetch")["findings"]}
    assert set(found) == {"FET002", "FET008"}
    assert "CONNECT tunnel failed, response 403" in found["FET002"]["seen"]
    assert "`https_proxy`" in found["FET002"]["fix"]
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
