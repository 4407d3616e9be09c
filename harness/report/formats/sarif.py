"""A record as SARIF 2.1.0, which editors and code scanning read: rules out of the catalogue, a result a finding.

The form: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. Faults of ours are no results but
notifications of a run that did not succeed. What findings quote is text in a message: no link, no placeholder.
"""

from typing import Any
from urllib.parse import quote

from harness.files import json_text
from harness.language import Language
from harness.model.catalogue import CATALOGUE
from harness.model.finding import Finding
from harness.model.result import Record, StageResult
from harness.report.formats.places import clean, file_of, words_of
from harness.report.next_steps import not_looked_at

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_RULES = {code: index for index, code in enumerate(CATALOGUE)}
# Code scanning takes no result without a place: such a finding stands at the script of its stage.
_SCRIPTS = {"fetch": "download.sh", "admit": "download.sh"}
_SCRIPT = "run.sh"
# §3.11: `[text](target)` is a link, `{0}` a placeholder.
_LITERAL = str.maketrans({"\\": "\\\\", "[": "\\[", "]": "\\]", "{": "{{", "}": "}}"})


def sarif(record: Record, *, t: Language, prefix: str = "") -> str:
    """Write one run with all findings."""
    driver = {
        "name": "lora-harness",
        "semanticVersion": record.harness_version,
        "rules": [_rule(code, t) for code in CATALOGUE],
    }
    run = {
        "tool": {"driver": driver},
        "language": t.tag,
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(record, t)],
        "results": [_result(one, stage, t, prefix) for stage in record.stages for one in stage.findings],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json_text(log)


def _rule(code: str, t: Language) -> dict[str, Any]:
    entry = CATALOGUE[code]
    return {
        "id": code,
        "shortDescription": {"text": t.of(entry.title)},
        "help": {"text": t.of(entry.fix)},
        "defaultConfiguration": {"level": _LEVELS[entry.severity]},
    }


def _result(one: Finding, stage: StageResult, t: Language, prefix: str) -> dict[str, Any]:
    file = file_of(one, prefix) or clean(f"{prefix}/{_SCRIPTS.get(stage.stage, _SCRIPT)}".lstrip("/"))
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(file), "uriBaseId": "%SRCROOT%"}}
    if one.where and one.where.line:
        physical["region"] = {"startLine": one.where.line}
        if one.where.column:
            physical["region"]["startColumn"] = one.where.column
    location: dict[str, Any] = {"physicalLocation": physical}
    if one.where and one.where.pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": clean(one.where.pointer)}]
    return {
        "ruleId": one.code,
        "ruleIndex": _RULES[one.code],
        "level": _LEVELS[one.severity],
        "message": _message(f"{t.of(one.title)}: {words_of(one, t)}"),
        "locations": [location],
    }


def _invocation(record: Record, t: Language) -> dict[str, Any]:
    made: dict[str, Any] = {"executionSuccessful": record.fault is None}
    words = [("note", t.of(one)) for one in not_looked_at(record)]
    if record.fault is not None:
        words.append(("error", f"{record.fault.kind}: {t.of(record.fault.message)} {t.of(record.fault.remedy)}"))
    if words:
        made["toolExecutionNotifications"] = [{"level": level, "message": _message(text)} for level, text in words]
    return made


def _message(text: str) -> dict[str, str]:
    return {"text": clean(text).translate(_LITERAL)}
