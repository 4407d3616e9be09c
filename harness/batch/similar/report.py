"""The whole comparison of runs, from folders to a report."""

from collections.abc import Sequence
from pathlib import Path

from harness import __version__
from harness.batch.similar.adapters import compare_adapters
from harness.batch.similar.code import compare_code
from harness.batch.similar.entries import Step, read_entries
from harness.batch.similar.predictions import compare_predictions
from harness.model.similar import Similarity


def compare_runs(
    runs: Sequence[Path],
    *,
    adapters: Path | None,
    exactly: bool,
    sources: Path | None,
    assignment: Path | None,
    skeleton: Path | None,
    most: int,
    step: Step,
) -> Similarity:
    """Compare all submissions of one or several runs; pairs of one student are left out.

    Args:
        runs: Run folders.
        adapters: Folder with weights, see `compare_adapters`.
        exactly: Whether all adapters are compared by their weights.
        sources: Folder of the hand-ins, see `compare_code`.
        assignment: The assignment, where a run does not say it.
        skeleton: Code that was given to all.
        most: How many pairs of each kind are given.
        step: Is told how far it is.

    Raises:
        ConfigError: A folder or option is wrong.
    """
    entries = read_entries(runs)
    torn = entries.left_out
    by_weights = compare_adapters(entries.all, folder=adapters, exactly=exactly, most=most, step=step)
    by_code = compare_code(entries.all, sources=sources, assignment=assignment, skeleton=skeleton, most=most, step=step)
    by_output = compare_predictions(entries.all, most=most, step=step)
    return Similarity(
        harness_version=__version__,
        runs=tuple(str(run) for run in runs),
        left_out=torn,
        adapters=by_weights,
        code=by_code,
        predictions=by_output,
    )
