"""What runs on Gradescope for one submission: the harness's own check as a child, and results out of its record.

Whatever ends the child, there are results: without a score where it left no record.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.batch.autograder.settings import Settings, read_settings
from harness.errors import ConfigError
from harness.intake.layout import find_student_id
from harness.language import Language, language
from harness.model.result import Record
from harness.model.roster import same_id
from harness.report.exports.gradescope import gradescope_results, not_graded_results
from harness.schema.record import read_record

NO_ID = "INT006"  # the platform names the folder, and knows whose it is
_SHOWN_BYTES = 100_000


def autograde(root: Path, *, tell: Callable[[str], None]) -> dict[str, Any]:
    """Give the results of the submission in `root`, laid out as Gradescope does it.

    Args:
        root: Holds source/ (the zip), submission/ and submission_metadata.json.
        tell: Is told what the course staff should know.

    Raises:
        ConfigError: The zip is torn.
    """
    source = root / "source"
    settings = read_settings(source)
    t, users = language(settings.language), _users(root / "submission_metadata.json")
    if settings.mode == "results":
        return _handed_out(source / "results", users, settings, t=t, tell=tell)
    record = _checked(root, settings, student=_student(users, settings), tell=tell)
    if record is None:
        return not_graded_results(t, visibility=settings.visibility)
    if record.fault:
        tell(f"not graded: {record.fault.message} {record.fault.remedy}")
    return gradescope_results(_without_id_finding(record), t, visibility=settings.visibility)


def _checked(root: Path, settings: Settings, *, student: str | None, tell: Callable[[str], None]) -> Record | None:
    source = root / "source"
    with tempfile.TemporaryDirectory(prefix="harness-autograder-") as scratch:
        command = [sys.executable, "-I", "-m", "harness", "grade" if settings.private else "check"]
        command += [str(root / "submission"), "--assignment", str(source / "assignment"), "--format", "json"]
        command += ["--student-id", student] if student else []
        if settings.mode == "quick":
            command += ["--quick"]
        else:
            assert settings.base is not None
            command += ["--base-model", str(source / settings.base), "--sandbox", "process"]
            command += ["--output", str(Path(scratch) / "run")]
            command += ["--i-trust-this-code"] if settings.private else []
        done = subprocess.run(command, capture_output=True, check=False)
        tell(done.stderr[-_SHOWN_BYTES:].decode("utf-8", "replace"))
        tell(f"harness {command[4]} ended with exit code {done.returncode}")
        path = Path(scratch) / "record.json"
        path.write_bytes(done.stdout)
        try:
            return read_record(path)
        except ConfigError as error:
            tell(f"it left no record: {error}")
            return None


def _handed_out(
    folder: Path, users: list[dict[str, Any]], settings: Settings, *, t: Language, tell: Callable[[str], None]
) -> dict[str, Any]:
    there = {same_id(path.stem): path for path in folder.glob("*.json")}
    ids = [_id(user, settings.mail_domain) for user in users]
    found = {there.get(one) for one in ids}
    path = found.pop() if len(found) == 1 else None  # of a group, nobody gets what is another's
    if path is None:
        tell(f"no results fit all of the ids {', '.join(one or '(none)' for one in ids) or '(nobody)'}")
        words = t("There is no result for you here yet. If you handed in, tell the course staff; no points are lost.")
        return {**not_graded_results(t, visibility=settings.visibility), "output": words}
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def _users(path: Path) -> list[dict[str, Any]]:
    """Read who handed in, as Gradescope says it; nobody where it says nothing."""
    try:
        users = json.loads(path.read_text(encoding="utf-8"))["users"]
        return [one for one in users if isinstance(one, dict)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _id(user: dict[str, Any], mail_domain: str | None) -> str:
    """Give who somebody is: the student ID that Gradescope has, and only without one the address.

    An address is the account's own choice, so that it counts at the domain alone that the staff named.
    """
    if sid := same_id(str(user.get("sid") or "")):
        return sid
    local, _, domain = same_id(str(user.get("email") or "")).rpartition("@")
    known = mail_domain and domain == same_id(mail_domain).removeprefix("@")
    return local if known and "@" not in local else ""


def _student(users: list[dict[str, Any]], settings: Settings) -> str | None:
    """Find the student id among what Gradescope knows; None where somebody has none, or there are several."""
    found = {find_student_id(_id(user, settings.mail_domain), settings.student_id) for user in users}
    one = found.pop() if len(found) == 1 else None
    return one if one and re.fullmatch(settings.student_id, one) else None


def _without_id_finding(record: Record) -> Record:
    stages = tuple(
        replace(stage, findings=tuple(one for one in stage.findings if one.code != NO_ID)) for stage in record.stages
    )
    return replace(record, stages=stages)
