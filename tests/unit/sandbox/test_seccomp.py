"""Podman's profile loses namespaces and key rings, and keeps the rest. Its effect is tested in tests/docker."""

import json
from pathlib import Path
from typing import Any

from harness.sandbox.seccomp import DENIED, podman_profile, tightened

GIVEN = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 38,
    "archMap": [],
    "syscalls": [
        {"names": ["bpf", "setns"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["read", "clone", "clone3", "unshare", "keyctl", "mount"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["unshare"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    ],
}


def rules_for(profile: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [rule for rule in profile["syscalls"] if name in rule["names"]]


def test_what_is_allowed_is_less() -> None:
    made = tightened(GIVEN)
    assert made["defaultErrnoRet"] == 38
    assert [rule["action"] for rule in rules_for(made, "read")] == ["SCMP_ACT_ALLOW"]
    for name in DENIED:
        assert [rule["action"] for rule in rules_for(made, name)] == ["SCMP_ACT_ERRNO"], name
        assert rules_for(made, name)[0]["errnoRet"] == 1
    assert rules_for(made, "clone3")[0]["errnoRet"] == 38
    (clone,) = rules_for(made, "clone")
    assert clone["action"] == "SCMP_ACT_ALLOW"
    # New user namespace: refused. A thread: allowed.
    (test,) = clone["args"]
    assert 0x10000000 & test["value"] != test["valueTwo"]
    assert 0x00010F00 & test["value"] == test["valueTwo"]


def test_given_profile_is_left_as_it_was() -> None:
    before = json.dumps(GIVEN)
    tightened(GIVEN)
    assert json.dumps(GIVEN) == before


def test_first_that_can_be_read_counts(tmp_path: Path) -> None:
    bad, good, missing = tmp_path / "bad", tmp_path / "good", tmp_path / "missing"
    bad.write_text("{}")
    good.write_text(json.dumps(GIVEN))
    assert podman_profile((missing, bad)) is None
    found = podman_profile((missing, bad, good))
    assert found is not None
    assert rules_for(found, "read")
