"""Kills a run of real containers at random times and resumes it each time: nothing may be lost or graded twice.

Usage: python -m benchmarks.kills --base-model FOLDER --adapter FOLDER [--students 30] [--kills 50] [--seed 0]. Needs an
engine and image.lock. Exit code 1: the records differ from an undisturbed run's (times aside), a record was written
twice, or something is left.
"""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker

from benchmarks.simulated import make_class
from harness.sandbox.owner import OWNER_LABEL

ROOT = Path(__file__).resolve().parent.parent
_REPLAYED = re.compile("; replayed: fetched .*")
# How texts were made says again what is in them, times of replayed downloads too.
_TIMES = re.compile(r"_at$|seconds|duration|peak|^gpu_busy|^wordings$")


@dataclass(slots=True)
class Disturbed:
    """What became of a run that was killed: how often, records that changed, how often each was written."""

    kills: int = 0
    changed: list[str] = field(default_factory=list)
    recorded: Counter[str] = field(default_factory=Counter)


def start(words: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start `harness grade` in a process of its own."""
    command = [sys.executable, "-m", "harness", "grade", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(words: Sequence[str]) -> None:
    """Run `harness grade` to its end, which must be good."""
    process = start(words)
    _, errors = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"harness grade {' '.join(words)} ended with {process.returncode}: {errors.decode()[-2000:]}")


def disturb(words: Sequence[str], run: Path, *, kills: int, chance: random.Random, longest_s: float) -> Disturbed:
    """Start a run, kill it so often at random times, resuming each time, and let it end.

    Args:
        words: The arguments of the first start.
        run: Its run folder.
        kills: How often.
        chance: Where the times come from.
        longest_s: Most seconds between start and kill.
    """
    found = Disturbed()
    seen: dict[str, bytes] = {}
    for _ in range(kills):
        process = start(["--resume", str(run)] if (run / "run.json").exists() else words)
        give_up = time.monotonic() + chance.uniform(0.3, longest_s)
        while time.monotonic() < give_up and process.poll() is None:
            time.sleep(0.02)
        if process.poll() is not None and process.returncode == 0:
            process.communicate()
            break  # all was graded before
        process.kill()
        process.communicate()
        found.kills += 1
        found.changed += changed_since(seen, run)
    finish(["--resume", str(run)] if (run / "run.json").exists() else words)
    found.changed += changed_since(seen, run)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines() if line]
    found.recorded.update(one["submission"] for one in lines if one["event"] == "Recorded")
    return found


def changed_since(seen: dict[str, bytes], run: Path) -> list[str]:
    """Name the records that are no longer what they were when first seen; note new ones."""
    changed = []
    for path in (run / "submissions").glob("*/record.json"):
        content = path.read_bytes()
        if seen.setdefault(path.parent.name, content) != content:
            changed.append(path.parent.name)
    return changed


def without_times(value: Any) -> Any:
    """Give a record's data without times, what is measured in passing, and when a replayed download was made."""
    if isinstance(value, str):
        return _REPLAYED.sub("", value)
    if isinstance(value, dict):
        value = value | {"evidence": _without_proxy(value["evidence"])} if "evidence" in value else value
        return {key: without_times(one) for key, one in value.items() if not _TIMES.search(key)}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def _without_proxy(evidence: list[dict[str, str]]) -> list[dict[str, str]]:
    """Leave out the proxy's logs: their lines have times, and a download that is replayed has none."""
    return [one for one in evidence if not one["path"].startswith("logs/fetch.proxy")]


def records(run: Path) -> dict[str, Any]:
    """Read all records of a run, without times."""
    found = sorted((run / "submissions").glob("*/record.json"))
    return {path.parent.name: without_times(json.loads(path.read_text(encoding="utf-8"))) for path in found}


def containers() -> list[str]:
    """Name the containers of any harness."""
    with closing(docker.from_env()) as client:
        return [one["Names"][0] for one in client.api.containers(all=True, filters={"label": OWNER_LABEL})]


def problems(undisturbed: Path, run: Path, found: Disturbed) -> list[str]:
    """Say all that is not as it must be."""
    expected, seen = records(undisturbed), records(run)
    wrong = [f"{name} differs" for name in expected if seen.get(name) != expected[name]]
    wrong += [f"{name} was written again after it was there" for name in found.changed]
    wrong += [f"{name} was recorded {count} times" for name, count in found.recorded.items() if count > 1]
    left = [path.name for path in (run / "scratch", run / "adapters", run / "set-aside") if path.exists()]
    return wrong + [f"{name} is left" for name in left]


def main() -> int:
    """Grade undisturbed, then disturbed, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-model", type=Path, default=ROOT / "build/demo/models/Qwen3-tiny")
    parser.add_argument("--adapter", type=Path, default=ROOT / "build/demo/training/adapter_checkpoint")
    parser.add_argument("--assignment", type=Path, default=ROOT / "assignments/classical-chinese")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/kills", help="where to work; emptied first")
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--longest", type=float, default=20.0, help="most seconds between start and kill")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    sources = make_class(options.folder / "handed-in", options.adapter, students=options.students, root=ROOT)
    common = [*map(str, sources), "--sandbox", "docker", "--assignment", str(options.assignment)]
    common += ["--base-model", str(options.base_model)]
    # Each run has a store of its own: what the first one fetched must not spare the second the work.
    undisturbed, run = options.folder / "undisturbed", options.folder / "disturbed"
    before = containers()
    finish([*common, "--output", str(undisturbed), "--downloads", str(undisturbed / "downloads")])
    print(f"undisturbed: {len(records(undisturbed))} records")
    found = disturb(
        [*common, "--output", str(run), "--downloads", str(run / "downloads")],
        run,
        kills=options.kills,
        chance=random.Random(options.seed),
        longest_s=options.longest,
    )
    wrong = problems(undisturbed, run, found)
    wrong += [f"container {one} is left" for one in containers() if one not in before]
    print(f"{found.kills} kills, {len(records(run))} records, {len(wrong)} problems")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
