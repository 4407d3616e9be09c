"""A training run from rows to what is handed in: what is loaded, in which order. Must not know the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from base_model import load_base, load_tokenizer, refuse_without_gpu
from encoding import Encoded
from files import InputError
from settings import Settings
from training.checkpoints import last_state, refuse_lost_best
from training.examples import encode, refuse_too_long
from training.hand_over import digest, recipe, refuse_other_recipe
from training.lora import add_adapter, refuse_unknown_targets
from training.rehearsal import what_to_try
from training.together import Together
from training.trainer import Trainer
from training.updates import refuse_optimizer, refuse_other_launch


def train(settings: Settings, rows: Sequence[Mapping[str, str]], *, eval_rows: Sequence[Mapping[str, str]]) -> None:
    """Train, and write what is handed in under `settings.output_dir`, each file whole or not at all.

    Raises:
        InputError: The base model cannot be loaded, no row fits in `max_length`, there is nothing to resume, or the
            memory does not suffice.
    """
    together = Together()
    together.refuse_what_does_not_work(keep_4bit=settings.keep_4bit)
    refuse_without_gpu(keep_4bit=settings.keep_4bit)
    refuse_optimizer(settings.optimizer, on_gpu=torch.cuda.is_available())
    refuse_unknown_targets(settings)
    tokenizer = load_tokenizer(settings.base_model)
    examples = encode(tokenizer, rows, path=settings.train_file, max_length=settings.max_length)
    eval_examples: list[Encoded] = []
    if settings.eval_file:
        eval_examples = encode(tokenizer, eval_rows, path=settings.eval_file, max_length=settings.max_length)
    origin = {"recipe": recipe(settings, examples), "eval_rows": digest(eval_examples)}
    state = None
    if settings.resume:
        state = last_state(settings.output_dir)
        refuse_other_recipe(state["recipe"], origin["recipe"])
        refuse_other_launch(state["updates"], together)
        if state["eval_rows"] != origin["eval_rows"]:
            state["best"] = None  # losses of other rows do not tell which adapter is the best
        if state["best"]:
            refuse_lost_best(settings.output_dir, state["best"][1])
    try:
        base = load_base(settings.base_model, keep_4bit=settings.keep_4bit)
        refuse_too_long([*examples, *eval_examples], base.config)
        torch.manual_seed(settings.seed)
        model = add_adapter(base, settings)
        padding = tokenizer.pad_token_id
        run = Trainer(settings, together, model, examples, eval_examples, padding=padding, origin=origin)
        run.rehearse(done=state["step"] if state else 0)
        run.run(state)
    except torch.cuda.OutOfMemoryError as error:
        cause = str(error).split(". ")[0]
        raise InputError(f"the GPU ran out of memory ({cause}); {what_to_try(settings)}") from error
    together.end()
