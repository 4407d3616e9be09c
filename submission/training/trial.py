"""Tries out how a model may be fed: holds the fast ways of the loss against the plain one before the first step.

A way that would change what is learned is given up, and a line says so. Must not know about optimizers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import linear

from base_model import text_config
from encoding import IGNORED, Encoded, scored
from positions import passed_bound
from progress import say
from training.answer_loss import CLOSE, AnswerLoss
from training.batches import Batch, Room, collate

TOKEN_STEP, ANSWER_STEP = 128, 256
"""On a GPU, sizes of batches are rounded up to these: each shape has to be recorded once."""
SAME = 1e-4
"""How far they may be apart where shapes are the same, too."""
# What models raise that do not know masks of four dimensions, positions, or a body apart from the head.
_REFUSALS = (ValueError, TypeError, RuntimeError, AttributeError, IndexError)


@torch.no_grad()
def find_room(
    loss: AnswerLoss,
    examples: Sequence[Encoded],
    *,
    tokens: int,
    packing: bool,
    padding: int,
    device: torch.device | str,
) -> Room:
    """Find out how the model may be fed; turn `loss.own_head` off where the model's head does more than a product.

    Args:
        loss: The model with its loss, in training from here on.
        examples: All there are.
        tokens: What a batch may hold.
        packing: Whether examples are to share rows, if they may.
        padding: The token id that rows are filled up with.
        device: Where the model is.
    """
    on_gpu = torch.device(device).type == "cuda"
    apart = Room(
        tokens=tokens, packing=False, **({"token_step": TOKEN_STEP, "answer_step": ANSWER_STEP} if on_gpu else {})
    )
    longest = max(len(one["input_ids"]) for one in examples)
    if bound := passed_bound(text_config(loss.whole.config), longest):
        say(f"this model counts positions otherwise in texts of more than {bound} tokens: each example is read alone")
        apart, packing = Room(tokens=1, packing=False), False
    shared = replace(apart, packing=True)
    ordered = sorted(examples, key=lambda one: len(one["input_ids"]))
    pair = [ordered[-1], ordered[0]]
    alone = [collate([one], room=apart, padding=padding, device=device) for one in pair]
    loss.eval()
    if not head_suffices(loss, alone[1], lambda hidden: linear(hidden, loss.head.weight)):
        loss.own_head = False
        say("this model's head does more than a product: the loss is taken from its own logits")
    packing = packing and len(examples) > 1  # one alone shows nothing, and has nobody to share its row with
    if packing:
        together = collate(pair, room=shared, padding=padding, device=device)
        if reason := _why_apart(loss, pair, alone, together):
            say(f"{reason}: each example gets a row of its own")
            packing = False
    loss.train()
    return shared if packing else apart


def head_suffices(loss: AnswerLoss, batch: Batch, head: Callable[[Tensor], Tensor]) -> bool:
    """Tell whether logits are what `head` makes of the last hidden states, (B, T, H) -> (B, T, V), and nothing else."""
    if getattr(text_config(loss.whole.config), "final_logit_softcapping", None):
        return False  # a cap shows in large logits alone, which training may make later
    try:
        logits = loss.model(**loss.inputs(batch)).logits
        mine = head(loss.hidden(batch))
    except _REFUSALS as error:
        if isinstance(error, torch.cuda.OutOfMemoryError):
            raise
        return False
    largest = float(mine.abs().max())  # no number where weights are broken
    return math.isfinite(largest) and torch.allclose(logits.float(), mine.float(), rtol=1e-3, atol=1e-4 * largest)


def _why_apart(loss: AnswerLoss, pair: Sequence[Encoded], alone: Sequence[Batch], together: Batch) -> str:
    """Say why these two examples may not share a row; an empty text if they may."""
    window = getattr(text_config(loss.whole.config), "sliding_window", None)
    if window and len(pair[0]["input_ids"]) > window:
        return f"this model looks back {window} tokens, which the mask of shared rows would not hold"
    apart = sum((loss(one) for one in alone), start=torch.zeros((), device=together.labels.device))
    try:
        wide = float(loss(together))
        # The second example must not notice when the first one is another.
        seconds = together.labels.clone()
        seconds[: scored(pair[0])] = IGNORED
        ids = together.input_ids + (together.documents == 0).long()
        other = replace(together, labels=seconds, input_ids=ids % loss.head.weight.shape[0])
        noticed = not _close(loss(replace(together, labels=seconds)), loss(other), SAME)
    except _REFUSALS as error:
        if isinstance(error, torch.cuda.OutOfMemoryError):
            raise
        return "this model takes no masks of its own"
    if noticed or not _close(wide, apart, CLOSE.get(loss.head.weight.dtype, 2e-2)):
        return "this model mixes examples that share a row"
    return ""


def _close(one: Tensor | float, other: Tensor | float, share: float) -> bool:
    return abs(float(one) - float(other)) <= share * abs(float(other))
