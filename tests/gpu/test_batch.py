"""A class on one GPU: student programs have it to themselves, and one warm worker scores when none runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.simulated import make_adapter, make_class
from harness.batch.grade import grade_run
from harness.batch.handed_in import with_submissions
from harness.batch.machine import LOCAL_PACKAGES
from harness.batch.plan import load_plan
from harness.intake.adapter.base import read_base_shapes
from harness.model.event import Event, StageEnded, StageStarted
from harness.model.result import Outcome
from harness.sandbox.gpu.facts import Gpu
from harness.schema.record import read_record

pytestmark = pytest.mark.gpu
STUDENTS = 6
MOST_FOREIGN_BYTES = 2 << 30  # a context takes half a GB, a warm worker of a real base model ten
RUN = f"""#!/usr/bin/env bash
# "$1" and "$2", base model and adapter, are not needed
python3 - "$3" "$4" <<'END'
import json, sys, torch
free, total = torch.cuda.mem_get_info()
if torch.cuda.device_count() != 1 or total - free > {MOST_FOREIGN_BYTES}:
    sys.exit(3)
with open(sys.argv[1], encoding="utf-8") as file:
    rows = json.load(file)
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump([{{"id": row["id"], "output": row["instruction"]}} for row in rows], file, ensure_ascii=False)
END
"""


def test_runs_have_the_gpu_to_themselves_and_scores_share_one_load(gpu: Gpu, root: Path, tmp_path: Path) -> None:
    for name in LOCAL_PACKAGES:
        pytest.importorskip(name)
    assignment = root / "assignments" / "classical-chinese"
    base = tmp_path / "Qwen3-tiny"
    command = [sys.executable, str(assignment / "tiny" / "make_base.py"), "--output", str(base), "--steps", "2"]
    subprocess.run(command, check=True, capture_output=True)
    shapes = read_base_shapes(base).modules
    sources = make_class(
        tmp_path / "handed-in",
        make_adapter(
            tmp_path / "adapter", modules={name: one for name, one in shapes.items() if name.endswith("q_proj")}
        ),
        students=STUDENTS,
        root=root,
    )
    for source in sources:
        (source / "run.sh").write_text(RUN)
    plan = load_plan(
        assignment_path=assignment,
        base_path=base,
        split="private",
        kind="process",
        image_lock=tmp_path / "none",
        gpu=gpu.uuid,
        allow_process=True,
    )
    run = tmp_path / "run"
    events: list[Event] = []
    graded = grade_run(with_submissions(plan, sources, run_folder=run), run, on_event=events.append)
    records = [read_record(path) for path in sorted((run / "submissions").glob("*/record.json"))]
    assert graded.tally.graded[Outcome.PASSED] == STUDENTS, [one.findings or one.fault for one in records]
    receipts = [stage.receipt for one in records for stage in one.stages if stage.stage == "run"]
    assert {one.gpu_uuid for one in receipts if one} == {gpu.uuid}
    kept = json.loads((run / "submissions" / records[0].submission.id / "evidence" / "score.json").read_text())
    assert kept["worker"]["device"] == "cuda"
    assert len({one.score.perplexity for one in records if one.score}) == 1
    assert all(one.score and one.score.perplexity == one.score.base_perplexity for one in records)
    assert changes(events) <= 4


def changes(events: list[Event]) -> int:
    """Count how often the GPU went from runs to scores or back; never are both under way."""
    count, last, busy = 0, "run", 0
    for event in events:
        if isinstance(event, StageStarted) and event.stage in {"run", "score"}:
            assert busy == 0, "two at a time on one GPU"
            busy, count, last = busy + 1, count + (event.stage != last), event.stage
        elif isinstance(event, StageEnded) and event.result.stage in {"run", "score"}:
            busy -= 1
    return count
