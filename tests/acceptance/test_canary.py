"""Invariant: no reference is reachable from a container that runs student code, in any of the stages that run it."""

import json
import secrets
from pathlib import Path

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# Each stage searches all files, environments and command lines for a word that it is given in two halves, so that the
# search does not find itself, and prints what it found; it also finds a file that it wrote itself, as a control. The
# image's own /usr and /opt/venv are the same read-only files in every stage, so they are searched in one of them.
SEARCH = """
import os, pathlib, sys
word = ("{first}" + "{second}").encode()
pathlib.Path("/tmp/control").write_bytes(b"x" + word)
found = []
for folder, folders, names in os.walk("/"):
    if folder == "/":
        folders[:] = [name for name in folders if name not in ("sys", "proc")]
    if folder in ("/usr", "/opt/venv") and {skip}:
        folders[:] = []
    for name in names:
        path = os.path.join(folder, name)
        try:
            if os.path.isfile(path) and os.path.getsize(path) < 50_000_000 and word in open(path, "rb").read():
                found.append(path)
        except OSError:
            pass
for process in os.listdir("/proc"):
    for name in ("environ", "cmdline"):
        try:
            if word in open(f"/proc/{{process}}/{{name}}", "rb").read():
                found.append(f"/proc/{{process}}/{{name}}")
        except OSError:
            pass
print("FOUND", sorted(found), file=sys.stderr)
"""


def test_canary_is_not_found(submission: Path, assignment: Path, grade) -> None:
    first, second = "CANARY" + secrets.token_hex(4), secrets.token_hex(8)
    for split in ("private", "public", "train"):
        path = assignment / "data" / f"{split}.json"
        rows = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps([{**row, "output": row["output"] + first + second} for row in rows]))
    search = SEARCH.format(first=first, second=second, skip=True)
    (submission / "search.py").write_text(SEARCH.format(first=first, second=second, skip="'run.sh' not in sys.argv"))
    for script in ("download.sh", "run.sh"):
        text = (submission / script).read_text()
        (submission / script).write_text(text.replace("\n", "\npython3 $(dirname $0)/search.py $(basename $0)\n", 1))
    utils = submission / "submission" / "utils.py"
    utils.write_text(utils.read_text() + search)
    graded = grade(submission, assignment)
    assert graded.exit_code == 0, graded.stdout + graded.stderr
    for stage in ("fetch", "render", "run"):
        log = (graded.folder / "logs" / f"{stage}.stderr.log").read_text()
        assert "FOUND ['/tmp/control']" in log, f"{stage}: {log}"
    kept = (graded.folder / "record.json").read_text()
    assert first not in kept, "a record must not quote a reference"
