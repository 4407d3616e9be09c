"""Runs train.py several times in one process, which imports torch once: `runs.py PLAN.json`.

The plan is a list of {"name", "argv", "before"}; `before` is Python that is run first, to break something for that run.
What each run printed is kept in NAME.err beside the plan, its status in the plan's own results file.
"""

import contextlib
import io
import json
import sys
from pathlib import Path


def main(plan: Path) -> None:
    import train

    statuses = {}
    for run in json.loads(plan.read_text()):
        printed = io.StringIO()
        undo: dict[str, object] = {}
        with contextlib.redirect_stderr(printed):
            exec(run.get("before") or "", {"undo": undo})
            statuses[run["name"]] = train.main(run["argv"])
            exec(run.get("after") or "", {"undo": undo})
        (plan.parent / f"{run['name']}.err").write_text(printed.getvalue())
        print(run["name"], statuses[run["name"]], printed.getvalue()[-300:], flush=True)
    (plan.parent / "statuses.json").write_text(json.dumps(statuses))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
