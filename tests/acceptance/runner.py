"""Stands for the runner of GitHub Actions: runs the shell steps of a composite action, reads commands as it does."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
_CONDITION = re.compile(r"inputs\.([a-z-]+) (!=|==) '([^']*)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """A step that ran: what it printed and left in the files of the runner."""

    name: str
    exit_code: int
    stdout: str
    stderr: str
    summary: str
    output: dict[str, str]


def run_action(
    folder: Path, inputs: Mapping[str, str], *, workspace: Path, temporary: Path, steps: tuple[str, ...]
) -> list[StepRun]:
    """Run the named steps of an action, those whose condition holds, as far as they succeed."""
    action = yaml.safe_load((folder / "action.yml").read_text(encoding="utf-8"))
    assert not inputs.keys() - action["inputs"].keys()
    given = {name: inputs.get(name, str(one.get("default", ""))) for name, one in action["inputs"].items()}
    done: list[StepRun] = []
    for step in action["runs"]["steps"]:
        if step["name"] in steps and _holds(step.get("if", ""), given):
            done.append(_run(step, given, folder, workspace, temporary))
            if done[-1].exit_code != 0:
                break
    return done


def _holds(condition: str, given: Mapping[str, str]) -> bool:
    if not condition:
        return True
    found = _CONDITION.fullmatch(condition)
    assert found is not None, condition
    return (given[found[1]] == found[3]) == (found[2] == "==")


def _run(step: dict[str, Any], given: Mapping[str, str], folder: Path, workspace: Path, temporary: Path) -> StepRun:
    files = {name: temporary / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV")}
    for path in files.values():
        path.write_text("")
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}},
        **{name: str(path) for name, path in files.items()},
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(folder),
        "GITHUB_WORKSPACE": str(workspace),
        "RUNNER_TEMP": str(temporary),
        **{name: _INPUT.sub(lambda found: given[found[1]], value) for name, value in step.get("env", {}).items()},
    }
    assert step["shell"] == "bash" and "${{" not in step["run"], "values come by the environment, never as code"
    script = temporary / "step.sh"
    script.write_text(step["run"])
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=workspace, env=environment)
    output = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return StepRun(
        name=step["name"],
        exit_code=done.returncode,
        stdout=done.stdout,
        stderr=done.stderr,
        summary=files["GITHUB_STEP_SUMMARY"].read_text(),
        output=output,
    )


def commands(log: str) -> list[str]:
    """Give the commands that the runner would obey, old form (`##[`) and new, with `stop-commands` as it keeps it."""
    obeyed, token = [], None
    for line in log.splitlines():
        if token is not None:
            token = None if line.strip() == f"::{token}::" else token
        elif stop := re.fullmatch(r"::stop-commands::(.+)", line.strip()):
            token = stop[1]
        elif line.lstrip().startswith("::"):
            obeyed.append(line.strip())
        elif "##[" in line:
            obeyed.append(line[line.index("##[") :])
    assert token is None, "commands are obeyed again at the end"
    return obeyed
