"""What a training run tells: lines while it goes on, `training_history.json` and the learning curve after it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from progress import say

LINES = 20
"""About how many progress lines a run prints where no terminal shows a bar."""


class History:
    """Takes down the loss of each update and shows a bar, or lines where nobody looks at a terminal.

    Args:
        steps: All updates of the run.
        entries: What an earlier part of the run took down.
    """

    def __init__(self, steps: int, entries: Sequence[dict[str, float]] = ()) -> None:
        self.entries = list(entries)
        self._steps = steps
        self._every = max(1, steps // LINES)
        self._started_s = time.monotonic()
        self._tokens = 0
        self._bar: Any = None

    def begin(self) -> None:
        """Start the clock, and show the bar until `close`: other lines would break it."""
        from tqdm import tqdm

        self._started_s = time.monotonic()
        if sys.stderr.isatty():
            self._bar = tqdm(total=self._steps, initial=self._step, unit="step", dynamic_ncols=True)

    @property
    def _step(self) -> int:
        return int(self.entries[-1]["step"]) if self.entries else 0

    @property
    def seconds(self) -> float:
        """Seconds since the start of this part."""
        return time.monotonic() - self._started_s

    def took_step(self, step: int, *, epoch: float, loss: float, rate: float, norm: float, tokens: int) -> None:
        """Take an update down."""
        self._tokens += tokens
        seconds = self.seconds
        speed = self._tokens / max(seconds, 1e-9)
        entry = {"step": step, "epoch": epoch, "loss": loss, "learning_rate": rate, "grad_norm": norm}
        self.entries.append({**entry, "tokens_per_s": round(speed, 1)})
        if self._bar:
            self._bar.set_postfix_str(f"loss {loss:.4g}, {speed:,.0f} tokens/s", refresh=False)
            self._bar.update()
        elif step % self._every == 0 or step == self._steps:
            place = f"step {step:>4}/{self._steps}  epoch {epoch:5.2f}"
            say(f"{place}  loss {loss:.4g}  {speed:,.0f} tokens/s  {seconds:.0f} s")

    def evaluated(self, step: int, *, epoch: float, loss: float, best: bool) -> None:
        """Take an evaluation down."""
        self.entries.append({"step": step, "epoch": epoch, "eval_loss": loss})
        if self._bar:
            self._bar.clear()
        place = f"step {step:>4}/{self._steps}  epoch {epoch:5.2f}"
        say(f"{place}  eval_loss {loss:.4g}{'  (the best so far)' if best else ''}")

    def close(self) -> None:
        """Leave the bar as it is, so that lines may follow."""
        if self._bar:
            self._bar.close()


def draw_curve(entries: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """Draw the losses over the updates as PNG and SVG; give the files, none where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        say("no learning curve: matplotlib is not installed (pip install matplotlib)")
        return []
    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "learning curve"  # the same curve gives the same bytes
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, style, label in (("loss", "-", "training (each update)"), ("eval_loss", "o-", "evaluation")):
        points = [(entry["step"], entry[name]) for entry in entries if name in entry]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label, linewidth=1, markersize=4)
    axes.set(xlabel="update", ylabel="loss (nats per token of the answer)")
    axes.grid(alpha=0.3)
    axes.legend()
    paths = [folder / f"learning_curve.{ending}" for ending in ("png", "svg")]
    for path in paths:
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    return paths
