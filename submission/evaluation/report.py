"""Makes of the figures what people read: `report.md`, `results.json` and plots.

Must not know how the figures are measured.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.markdown_text import escaped, number, span, table
from evaluation.plots import PLOTS, draw
from files import replace_own, scratch_folder
from progress import say

COLUMNS = ("mean perplexity", "95 % interval", "corpus perplexity", "bits per character")
FILES = frozenset({"report.md", "results.json"} | {f"{name}.{kind}" for name in PLOTS for kind in ("png", "svg")})
"""All that an evaluation may leave in its folder."""
KINDS = {"best": "helped most", "median": "in the middle", "worst": "helped least"}


def write_report(results: Mapping[str, Any], folder: Path) -> None:
    """Write the whole folder, or nothing; it takes the place of an earlier report, and of nothing else in there."""
    with scratch_folder(folder) as scratch:
        new = scratch / folder.name
        new.mkdir()
        plots = draw(results, new)
        (new / "report.md").write_text(report(results, plots=plots), encoding="utf-8")
        text = json.dumps(_finite(results), ensure_ascii=False, indent=2, allow_nan=False)
        (new / "results.json").write_text(text + "\n", encoding="utf-8")
        replace_own(new, folder, own=FILES)
    comparison = results["perplexity"]
    say(f"mean perplexity: base {number(comparison['base']['perplexity'])}, "
        f"adapter {number(comparison['adapter']['perplexity'])}")  # fmt: skip


def report(results: Mapping[str, Any], *, plots: Sequence[str]) -> str:
    """Give the report as Markdown.

    Args:
        results: What `evaluation.evaluate` gives.
        plots: Names of the plots that are there, without their endings.
    """
    parts = [
        _head(results["settings"], results["perplexity"]),
        _comparison(results["perplexity"]),
        _plot("perplexity", "Perplexity of each example, base and adapter", plots),
    ]
    if results["learning_curve"]:
        parts += [_curve(results["learning_curve"]), _plot("learning_curve", "Perplexity over the updates", plots)]
    if results["few_shot"]:
        parts += [_few_shot(results["few_shot"]), _plot("few_shot", "Perplexity by number of exemplars", plots)]
    if results["texts"]:
        parts.append(_texts(results["texts"]))
    if results["samples"]:
        parts.append(_samples(results["samples"]))
    return "\n".join(part for part in parts if part)


def _head(settings: Mapping[str, Any], comparison: Mapping[str, Any]) -> str:
    base = comparison["base"]
    rows = [
        ("base model", escaped(settings["base_model"])),
        ("adapter", f"{escaped(settings['adapter'])}, SHA-256 {settings['adapter_sha256'][:16]}…"),
        ("measured on", f"{escaped(settings['eval_file'])}, SHA-256 {settings['eval_sha256'][:16]}…"),
        ("examples", f"{base['examples']:,} with {base['tokens']:,} answer tokens"),
        ("computed", f"on {escaped(settings['device'])} in {settings['dtype']}, weights in NF4"),
        ("seed", str(settings["seed"])),
    ]
    return f"""# Evaluation

{table(("", ""), rows)}
The perplexity of an example is exp of the mean negative log-likelihood of its output and eos, behind `get_prompt`,
cut at {settings["max_tokens"]:,} tokens. The mean over examples is what is graded; the corpus perplexity weighs every
token alike. Intervals: 95 %, bootstrap over examples.
"""


def _cells(figures: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        number(figures["perplexity"]),
        span(figures["interval"]),
        number(figures["corpus_perplexity"]),
        number(figures["bits_per_character"]),
    )


def _cut(some: Sequence[Mapping[str, Any]]) -> str:
    """Say why figures of a table have no bits per character; nothing where all have them."""
    if not (most := max(one["outputs_cut"] for one in some)):
        return ""
    return f"""
No bits per character where outputs are cut, here up to {most:,} of {some[0]["examples"]:,}: the loss is that of a part
of their characters.
"""


def _comparison(comparison: Mapping[str, Any]) -> str:
    base, adapter = comparison["base"], comparison["adapter"]
    rows = [(name, *_cells(comparison[name])) for name in ("base", "adapter")]
    lowered = base["perplexity"] - adapter["perplexity"]
    words = f"lowers the mean perplexity by {number(lowered)}" if lowered > 0 else "does not lower the mean perplexity"
    return f"""## Base and adapter

{table(("", *COLUMNS), rows, numbers_from=1)}{_cut([base])}
The adapter {words} (95 % interval of the difference: {span(comparison["lowered_by_interval"])}); it is lower for
{comparison["examples_lowered"]:,} of {base["examples"]:,} examples.
"""


def _curve(curve: Sequence[Mapping[str, Any]]) -> str:
    best = min(curve, key=lambda point: point["perplexity"])
    rows = [
        (f"{point['step']:,}", *_cells(point), " ".join(_marks(point, best=point is best)) or " ") for point in curve
    ]
    return f"""## Learning curve

{table(("update", *COLUMNS, ""), rows, numbers_from=0)}{_cut(curve)}"""


def _marks(point: Mapping[str, Any], *, best: bool) -> list[str]:
    marks = {"base": point["step"] == 0, "lowest": best, "the adapter": point["is_adapter"]}
    return [word for word, applies in marks.items() if applies]


def _few_shot(few_shot: Sequence[Mapping[str, Any]]) -> str:
    rows = [(str(one["shots"]), *_cells(one)) for one in few_shot]
    shown = [
        (str(place), escaped(one["instruction"]), escaped(one["output"]))
        for place, one in enumerate(max(few_shot, key=lambda one: one["shots"])["exemplars"], 1)
    ]
    exemplars = f"""
Exemplars, the same before every question; with fewer shots, the first of them:

{table(("", "instruction", "output"), shown)}"""
    return f"""## The bare base with exemplars

{table(("exemplars", *COLUMNS), rows, numbers_from=0)}{_cut(few_shot)}{exemplars if shown else ""}"""


def _texts(texts: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            one["name"],
            number(one.get("chrf")),
            number(one.get("bleu")),
            f"{one['exact_match']:.1%}",
            number(one["length_ratio"]),
            f"{one['empty']:.1%}",
        )
        for one in texts
    ]
    signatures = [f"`{signature}`" for signature in texts[0].get("signatures", ())]
    by = f"By sacrebleu: {' and '.join(signatures)}." if signatures else "chrF++ and BLEU need sacrebleu."
    header = ("answers of", "chrF++", "BLEU", "exact match", "length ratio", "empty")
    return f"""## Answers as texts

{table(header, rows, numbers_from=1)}
{by}
"""


def _samples(samples: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"**{KINDS[one['kind']]}**<br>{escaped(one['id'])}<br>perplexity {number(one['perplexity']['base'])} → "
            f"{number(one['perplexity']['adapter'])}",
            escaped(one["instruction"]),
            escaped(one["output"]),
            escaped(one["answers"]["base"]),
            escaped(one["answers"]["adapter"]),
        )
        for one in samples
    ]
    return f"""## Samples

Chosen by how much the adapter changed the perplexity.

{table(("", "instruction", "reference", "base", "adapter"), rows)}"""


def _plot(name: str, words: str, plots: Sequence[str]) -> str:
    return f"![{words}]({name}.png)\n" if name in plots else ""


def _finite(value: Any) -> Any:
    """Put None where JSON has no number."""
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
