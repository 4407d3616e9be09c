"""Predictions of runs, pair by pair, as the run folders keep them."""

from collections.abc import Sequence

from harness.batch.similar.entries import Entry, Step, baseline_of, comparable, rounded, z_of
from harness.files import NotPlain, read_untrusted
from harness.model.similar import LeftOut, PredictionPair, Predictions, SharedOutput
from harness.schema.document import DocumentError, load_json
from harness.schema.validate import problems
from harness.similarity.predictions import Predictions as Texts
from harness.similarity.predictions import rarest, shares
from harness.similarity.stand import ranked, spread
from harness.stages.context import PREDICTIONS
from harness.text import visible

MOST_BYTES = 50_000_000
SHOWN = 5
SHOWN_CHARACTERS = 120


def compare_predictions(entries: Sequence[Entry], *, most: int, step: Step) -> Predictions:
    """Rank all pairs by the share of outputs that are nearly the same, each weighed by how few students have it.

    Args:
        entries: The submissions.
        most: How many pairs are given.
        step: Is told how far it is.
    """
    known, texts, left_out = [], [], []
    for number, entry in enumerate(entries, start=1):
        found = _read(entry)
        if isinstance(found, str):
            left_out.append(LeftOut(submission=entry.label, why=found))
        else:
            known.append(entry)
            texts.append(found)
        step("reading predictions", number, len(entries))
    all_pairs = shares(texts)
    counted = comparable(known)
    stand = spread(all_pairs.share, counted)
    pairs = tuple(
        PredictionPair(
            a=known[a].label,
            b=known[b].label,
            share=rounded(all_pairs.share[a, b]),
            z=z_of(all_pairs.share[a, b], stand),
            near=int(all_pairs.near[a, b]),
            both=int(all_pairs.both[a, b]),
            rarest=_rarest(texts, a, b),
        )
        for a, b in ranked(all_pairs.share, counted, most)
        if all_pairs.near[a, b]
    )
    return Predictions(compared=len(known), baseline=baseline_of(stand), pairs=pairs, left_out=tuple(left_out))


def _rarest(texts: Sequence[Texts], one: int, other: int) -> tuple[SharedOutput, ...]:
    return tuple(
        SharedOutput(
            example=visible(each.example, SHOWN_CHARACTERS),
            students=each.students,
            text_a=visible(each.text_a, SHOWN_CHARACTERS),
            text_b=visible(each.text_b, SHOWN_CHARACTERS),
        )
        for each in rarest(texts, one, other, most=SHOWN)
    )


def _read(entry: Entry) -> Texts | str:
    """Give the outputs by example, or why there are none."""
    try:
        document = load_json(read_untrusted(entry.kept, PREDICTIONS, max_bytes=MOST_BYTES), PREDICTIONS)
    except NotPlain:
        return "it has no predictions"
    except DocumentError:
        return "its predictions are no JSON"
    if problems(document, "predictions.v1"):
        return "its predictions are not valid"
    return {row["id"]: row["output"] for row in document.data}
