"""Measures what recording a download costs and what replaying it saves, against fetching it: all in one run.

Usage: python benchmarks/downloads.py [--runs 5] [--megabytes 66]. Needs an engine and the image.lock of an image. The
server is on this machine: a fetch from a real one takes longer, so the ratios are the least that is saved.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness.intake.adapter.base import BaseShapes
from harness.intake.downloads.store import DownloadStore
from harness.intake.layout import tree_sha256
from harness.model.submission import Submission
from harness.sandbox.choose import choose_sandbox
from harness.schema.assignment import load_assignment
from harness.stages.context import Context, Workspace
from harness.stages.fetch import fetch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "docker"))
from origin import origin  # noqa: E402

SCRIPT = """set -e
mkdir adapter_checkpoint
echo '{{}}' > adapter_checkpoint/adapter_config.json
curl -fsS http://{http}/adapter -o adapter_checkpoint/adapter_model.safetensors
"""


def measure(
    context: Context, folder: Path, script: str, *, runs: int, before: Callable[[], object] = lambda: None
) -> tuple[float, str]:
    """Give the median seconds of the stage over some runs, each in a fresh folder, and the last one's summary."""
    seconds = []
    for _ in range(runs):
        workspace = Workspace(scratch=folder / "scratch", kept=folder / "kept", adapter=folder / "adapter")
        workspace.make()
        workspace.tree.mkdir()
        (workspace.tree / "download.sh").write_text(script)
        workspace.tree_digest.write_text(tree_sha256(workspace.tree))
        before()
        os.sync()
        start = time.perf_counter()
        result = fetch(context, Submission(id="bench", source=folder), workspace)
        seconds.append(time.perf_counter() - start)
        assert not result.findings, result.findings
        shutil.rmtree(folder / "scratch")
    return statistics.median(seconds), result.summary


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=66)
    options = parser.parse_args()
    assignment = load_assignment(ROOT / "assignments" / "classical-chinese").assignment
    sandbox = choose_sandbox("docker", image_lock=ROOT / "image.lock", allow_process=False)
    with tempfile.TemporaryDirectory() as name:
        folder, site, places = Path(name, "work"), Path(name, "www"), Path(name, "downloads")
        site.mkdir()
        (site / "adapter").write_bytes(os.urandom(options.megabytes * 1_000_000))
        with origin(sandbox.host_address(), site) as found:
            rules = replace(assignment.stages.fetch, hosts=(found.http,))
            plain = Context(
                assignment=replace(assignment, stages=replace(assignment.stages, fetch=rules)),
                base=assignment.base_models[0],
                base_path=ROOT,
                base_shapes=BaseShapes(modules={}),
                examples=(),
                split="private",
                sandbox=sandbox,
                harness_package=ROOT,
            )
            script = SCRIPT.format(http=found.http)
            fetched, _ = measure(plain, folder, script, runs=options.runs)
            kept = replace(plain, downloads=DownloadStore(places), fetch_again=True)
            recorded, _ = measure(
                kept,
                folder,
                script,
                runs=options.runs,
                before=lambda: shutil.rmtree(places / "blobs", ignore_errors=True),
            )
            again, _ = measure(kept, folder, script, runs=options.runs)
        replayed, summary = measure(replace(kept, fetch_again=False), folder, script, runs=options.runs)
    sandbox.close()
    print(f"fetch, not recorded: {fetched:.2f} s")
    print(f"fetch, recorded the first time: {recorded:.2f} s ({recorded / fetched:.2f}x)")
    print(f"fetch, recorded again, the same content: {again:.2f} s ({again / fetched:.2f}x)")
    print(f"replay: {replayed:.2f} s ({replayed / fetched:.2f}x): {summary}")


if __name__ == "__main__":
    main()
