"""Draws the figures of an evaluation as PNG and SVG. Labels hold no text of models or data, so any font will do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from progress import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by people who see few colours, and in grey (Okabe and Ito 2008).
BASE, ADAPTER, NEUTRAL = "#E69F00", "#0072B2", "#555555"
STYLE = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.hashsalt": "evaluation",  # the same figures give the same bytes
}
DPI = 200
PLOTS = ("perplexity", "learning_curve", "few_shot")


def draw(results: Mapping[str, Any], folder: Path) -> list[str]:
    """Draw what there is into a folder; give the names without their endings, none where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        say("no plots: matplotlib is not installed (pip install matplotlib)")
        return []
    from matplotlib.figure import Figure

    how = {"perplexity": draw_perplexity, "learning_curve": draw_curve, "few_shot": draw_few_shot}
    names = [name for name in PLOTS if results[name]]
    with matplotlib.rc_context(STYLE):
        for name in names:
            figure = Figure(figsize=(9 if name == "perplexity" else 7, 4.2), layout="constrained")
            how[name](figure, results)
            for ending in ("png", "svg"):
                date = {"Date": None} if ending == "svg" else None
                figure.savefig(folder / f"{name}.{ending}", dpi=DPI, metadata=date)
    return names


def draw_perplexity(figure: Figure, results: Mapping[str, Any]) -> None:
    """Draw base against adapter, example by example, and how much each example gained."""
    pairs = [(one["base"]["perplexity"], one["adapter"]["perplexity"]) for one in results["examples"]]
    pairs = [(base, adapter) for base, adapter in pairs if math.isfinite(base) and math.isfinite(adapter)]
    left, right = figure.subplots(1, 2)
    if not pairs:
        return
    low, high = min(map(min, pairs)) / 1.15, max(map(max, pairs)) * 1.15
    left.plot([low, high], [low, high], color=NEUTRAL, linewidth=1, linestyle="--", label="no change")
    left.scatter(*zip(*pairs, strict=True), s=22, color=ADAPTER, alpha=0.65, linewidths=0, label="one example")
    left.set(xlabel="perplexity, base", ylabel="perplexity, adapter")
    left.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    _log(left, "x", low=low, high=high)
    _log(left, "y", low=low, high=high)
    left.legend(loc="upper left")
    ratios = [math.log2(adapter / base) for base, adapter in pairs]
    right.hist(ratios, bins=_bins(ratios), color=ADAPTER, alpha=0.85, edgecolor="white", linewidth=0.6)
    right.axvline(0, color=NEUTRAL, linewidth=1, linestyle="--")
    right.grid(visible=False, axis="x")
    right.set(xlabel="perplexity of the adapter / of the base", ylabel="examples")
    ticks = _ratio_ticks(*right.get_xlim())
    right.set_xticks([math.log2(tick) for tick in ticks], [f"{tick:.6g}×" for tick in ticks])
    right.yaxis.get_major_locator().set_params(integer=True)


def draw_curve(figure: Figure, results: Mapping[str, Any]) -> None:
    """Draw mean and corpus perplexity over the updates."""
    curve = results["learning_curve"]
    axes = figure.subplots()
    steps = [point["step"] for point in curve]
    means = [point["perplexity"] for point in curve]
    lows, highs = zip(*(point["interval"] or (math.nan, math.nan) for point in curve), strict=True)
    axes.fill_between(steps, lows, highs, color=ADAPTER, alpha=0.15, linewidth=0, label="95 % interval of the mean")
    axes.plot(steps, means, "o-", color=ADAPTER, markersize=5, label="mean over examples (graded)")
    corpus = [point["corpus_perplexity"] for point in curve]
    axes.plot(steps, corpus, "s--", color=NEUTRAL, markersize=4, linewidth=1.2, label="corpus")
    taken = [(point["step"], point["perplexity"]) for point in curve if point["is_adapter"]]
    if taken:
        star = {"color": BASE, "markersize": 15, "markeredgecolor": "black"}
        axes.plot(*zip(*taken, strict=True), "*", label="the adapter", **star)
    axes.set(xlabel="update (0: base without adapter)", ylabel="perplexity")
    axes.xaxis.get_major_locator().set_params(integer=True)
    _log(axes, "y", low=min(*means, *corpus), high=max(*means, *corpus))
    axes.legend()


def draw_few_shot(figure: Figure, results: Mapping[str, Any]) -> None:
    """Draw a bar for each number of exemplars, and one for the adapter, which needs none."""
    few_shot, adapter = results["few_shot"], results["perplexity"]["adapter"]
    bars = [*((f"base\n{one['shots']}-shot", one, BASE) for one in few_shot), ("adapter\n0-shot", adapter, ADAPTER)]
    axes = figure.subplots()
    for place, (_, one, color) in enumerate(bars):
        value = one["perplexity"]
        if not math.isfinite(value):
            axes.annotate("∞", (place, 0), (0, 3), textcoords="offset points", ha="center")
            continue
        low, high = one["interval"] or (value, value)
        axes.bar(place, value, width=0.65, color=color)
        axes.errorbar(place, value, yerr=[[value - low], [high - value]], color=NEUTRAL, capsize=4, linewidth=1.2)
        words = f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
        axes.annotate(words, (place, high), (0, 3), textcoords="offset points", ha="center")
    axes.set_xticks(range(len(bars)), [words for words, _, _ in bars])
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.12)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axes.set(ylabel="mean perplexity (95 % interval)")


def _log(axes: Axes, which: str, *, low: float, high: float) -> None:
    """Take a logarithmic scale where values are far apart, with ticks that are plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    if not (low > 0 and high / low > 4 and math.isfinite(high)):
        return
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
    axis.set_major_formatter(lambda value, _: f"{value:,.6g}" if value < 1e6 else f"{value:.0e}")
    axis.set_minor_formatter(NullFormatter())


def _ratio_ticks(low: float, high: float) -> list[float]:
    """Give round ratios between two logarithms to base 2: powers of two, or decimals where there is no room for two."""
    from matplotlib.ticker import MaxNLocator

    if high - low >= 3:
        every = math.ceil((high - low) / 8)
        return [2.0 ** (every * place) for place in range(math.ceil(low / every), math.floor(high / every) + 1)]
    ticks = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(2**low, 2**high)
    return [float(round(tick, 9)) for tick in ticks if 2**low <= tick <= 2**high and tick > 0]


def _bins(values: Sequence[float]) -> list[float]:
    """Give the edges of bins of one width; 0, which means no change, is one of them."""
    count = max(5, min(40, round(2 * len(values) ** 0.5)))
    low, high = min(*values, 0.0), max(*values, 0.0)
    width = max(high - low, 1e-3) / count
    first, last = math.floor(low / width), math.ceil(high / width)
    return [place * width for place in range(first, max(last, first + 1) + 1)]
