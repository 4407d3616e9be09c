"""`harness report --to html` on a made-up class."""

import subprocess
import sys
from pathlib import Path

from benchmarks.class_of_records import Class

COUNT = 6


def report(run: Path, target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "report", str(run), "--to", "html", "--output", str(target), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_both_reports_are_written_and_the_list_is_named(tmp_path: Path, root: Path) -> None:
    run = tmp_path / "run"
    Class(root=run, assignment=root / "assignments" / "classical-chinese").write(COUNT)
    staff = report(run, tmp_path / "staff")
    assert (staff.returncode, staff.stdout) == (0, "")
    assert staff.stderr == f"written: {tmp_path / 'staff'}\n"
    for again in ((), ("--replace",)):
        public = report(run, tmp_path / "public", "--public", *again)
        assert public.stderr == (
            f"written: {tmp_path / 'public'}\n"
            f"whose page is which, for the staff alone: {tmp_path / 'public.links.csv'}\n"
        )
    for audience in ("staff", "public"):
        assert len([*(tmp_path / audience / "students").iterdir()]) == COUNT
    (run / "submissions" / "r13921002" / "record.json").write_text("{")
    (run / "submissions" / "r13921003" / "record.json").unlink()
    for audience in ("--staff", "--public"):
        torn = report(run, tmp_path / "torn", "--replace", audience)
        assert torn.returncode == 1, "as every other format"
        lines = torn.stderr.splitlines()
        assert lines[0] == f"written: {tmp_path / 'torn'}"
        assert [line.split(": ")[1] for line in lines if line.startswith("left out: ")] == ["r13921002", "r13921003"]
    refused = report(run, tmp_path / "staff")
    assert refused.returncode == 3
    assert "is there already" in refused.stderr
