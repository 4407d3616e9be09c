"""The training itself: one `Trainer` with the step, the evaluation and what is kept. Must not know the command line."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from peft import LoraConfig, get_peft_model
from torch import Tensor

from answer_loss import AnswerLoss
from base_model import load_base, load_tokenizer
from batches import Batch, Room, collate, count_steps, plan_steps, split
from checkpoints import forget_checkpoints, last_state, save_checkpoint
from encoding import IGNORED, Encoded, encode_rows
from files import InputError
from graphs import Recordings
from hand_over import hand_over, recipe, refuse_other_recipe
from history import History
from progress import say
from settings import Settings
from updates import Updates

TOKEN_STEP, ANSWER_STEP = 128, 64
"""On a GPU, sizes of batches are rounded up to these."""


def train(settings: Settings, rows: Sequence[Mapping[str, str]], *, eval_rows: Sequence[Mapping[str, str]]) -> None:
    """Train, and write what is handed in under `settings.output_dir`, each file whole or not at all.

    Raises:
        InputError: The base model cannot be loaded, no row fits in `max_length`, or the memory does not suffice.
    """
    accelerator = Accelerator()
    tokenizer = load_tokenizer(settings.base_model)
    examples = encode(tokenizer, rows, max_length=settings.max_length)
    eval_examples = encode(tokenizer, eval_rows, max_length=settings.max_length) if eval_rows else []
    torch.manual_seed(settings.seed)
    try:
        model = add_adapter(load_base(settings.base_model, keep_4bit=settings.keep_4bit), settings)
        run = Trainer(settings, accelerator, model, examples, eval_examples, padding=tokenizer.pad_token_id)
        run.rehearse()
        run.run()
    except torch.cuda.OutOfMemoryError as error:
        raise InputError(
            f"the GPU ran out of memory ({str(error).split('. ')[0]}); try in this order: --batch_tokens "
            f"{max(settings.max_length, settings.batch_tokens // 2)}, --gradient_checkpointing on, --keep_4bit, "
            "--max_length 512 --batch_tokens 512"
        ) from error


def encode(tokenizer: Any, rows: Sequence[Mapping[str, str]], *, max_length: int) -> list[Encoded]:
    """Turn rows into token ids.

    Raises:
        InputError: Not one has an answer within `max_length`.
    """
    examples, dropped = encode_rows(tokenizer, rows, max_length=max_length)
    if not examples:
        raise InputError(f"no row has an answer within --max_length {max_length} tokens; raise it")
    if dropped:
        say(f"left out {dropped} of {len(rows)} rows: the prompt alone fills --max_length {max_length}")
    return examples


def add_adapter(model: Any, settings: Settings) -> Any:
    """Put LoRA on every linear layer but the head, in the type that the model computes in."""
    lora = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=linear_layers(model),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora, autocast_adapter_dtype=False)


def linear_layers(model: Any) -> list[str]:
    """Name the linear layers, all but the head: `q_proj`, `up_proj`, ... (PEFT's "all-linear" may write full paths)."""
    head = model.get_output_embeddings()
    linear = (name for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear) and layer is not head)
    return sorted({name.rsplit(".", 1)[-1] for name in linear})


class Trainer:
    """One training run.

    Args:
        settings: What decides it.
        accelerator: Which processes take part.
        model: The base model with a fresh adapter.
        examples: What is trained on.
        eval_examples: What is evaluated on; none: the last adapter is the one that is kept.
        padding: The token id that rows are filled up with.
    """

    def __init__(
        self,
        settings: Settings,
        accelerator: Accelerator,
        model: Any,
        examples: Sequence[Encoded],
        eval_examples: Sequence[Encoded],
        *,
        padding: int,
    ) -> None:
        self.settings, self.accelerator, self.model = settings, accelerator, model
        self.examples, self.eval_examples, self.padding = examples, eval_examples, padding
        self.lengths = [len(one["input_ids"]) for one in examples]
        self.alone = accelerator.num_processes == 1
        self.on_gpu = accelerator.device.type == "cuda"
        self.loss: Any = AnswerLoss(model)
        self.steps = count_steps(
            len(examples), examples_per_step=settings.examples_per_step, epochs=settings.num_epochs
        )
        self.epoch = 0.0
        self.checkpointed = False
        self.room = self._settle()
        if settings.gradient_checkpointing == "on":
            self._checkpoint_activations()
        self.parameters = [one for one in model.parameters() if one.requires_grad]
        self.updates = Updates(
            self.parameters,
            optimizer=settings.optimizer,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.max_grad_norm,
            warmup_steps=int(settings.warmup_ratio * self.steps),
            steps=self.steps,
        )
        if not self.alone:
            self.loss = accelerator.prepare_model(self.loss)
        recorded = self.on_gpu and self.alone and settings.cuda_graphs and not self.checkpointed
        self.run_pass = Recordings(self._pass) if recorded else self._pass
        self.history = History(self.steps)
        self.best: tuple[float, int] | None = None  # eval loss, step

    # One update of the weights.

    def step(self, number: int, chosen: Sequence[int]) -> float:
        """Update the weights once, by the mean loss over all answer tokens of the chosen examples; give that loss."""
        torch.manual_seed(self.settings.seed * 1_000_003 + number)  # dropout; the same when a run goes on later
        batches = self._batches(chosen)
        answered = sum(scored(self.examples[one]) for one in chosen)
        total = torch.zeros((), device=self.accelerator.device)
        self.updates.clear()
        for place, batch in enumerate(batches, 1):
            factor = torch.tensor(self.accelerator.num_processes / answered, device=self.accelerator.device)
            last = place == len(batches)
            with nullcontext() if self.alone or last else self.accelerator.no_sync(self.loss):
                total += self.run_pass(batch, factor)
        loss = float(self.accelerator.reduce(total, "sum")) / answered
        if not math.isfinite(loss):
            raise InputError(f"the loss is {loss} at step {number}; lower --learning_rate or look for broken rows")
        norm = self.updates.step()
        rate = self.updates.schedule.get_last_lr()[0]
        tokens = sum(self.lengths[one] for one in chosen)
        if self.accelerator.is_main_process:
            self.history.took_step(number, epoch=self.epoch, loss=loss, rate=rate, norm=norm, tokens=tokens)
        return loss

    def _pass(self, batch: Batch, factor: Tensor) -> Tensor:
        """Add the gradient of a batch, times `factor`, and give its summed loss."""
        loss: Tensor = self.loss(batch)
        self.accelerator.backward(loss * factor)
        return loss.detach()

    def _batches(self, chosen: Sequence[int]) -> list[Batch]:
        """Lay the examples that are this process's into batches."""
        mine = list(chosen)[self.accelerator.process_index :: self.accelerator.num_processes]
        return [self._batch([self.examples[one] for one in group]) for group in self._split(mine)]

    def _split(self, numbers: Sequence[int]) -> list[tuple[int, ...]]:
        return split(numbers, self.lengths, room=self.room)

    def _batch(self, examples: Sequence[Encoded]) -> Batch:
        return collate(examples, room=self.room, padding=self.padding, device=self.accelerator.device)

    # The run.

    def run(self) -> None:
        """Go through all updates, evaluate and keep checkpoints on the way, hand over the best adapter."""
        settings = self.settings
        begun = self._begin()
        started_s = time.monotonic()
        every = settings.eval_every or -(-len(self.examples) // settings.examples_per_step)
        self.loss.train()
        plan = plan_steps(
            len(self.examples),
            examples_per_step=settings.examples_per_step,
            epochs=settings.num_epochs,
            seed=settings.seed,
        )
        for number, (self.epoch, chosen) in enumerate(plan, 1):
            if number <= begun:
                continue
            self.step(number, chosen)
            if number % every == 0 or number == self.steps:
                self._evaluate_and_keep(number)
        self.history.close()
        self._hand_over(time.monotonic() - started_s)

    def _begin(self) -> int:
        """Go on from the last checkpoint, if that is wanted; give the number of its step, else 0."""
        if not self.settings.resume:
            if self.accelerator.is_main_process:
                forget_checkpoints(self.settings.output_dir)
            return 0
        state = last_state(self.settings.output_dir)
        refuse_other_recipe(state["recipe"], recipe(self.settings))
        self.updates.load(state["updates"])
        self.best = state["best"]
        self.history = History(self.steps, state["history"])
        say(f"going on after step {state['step']} of {self.steps}")
        return int(state["step"])

    def _evaluate_and_keep(self, number: int) -> None:
        if self.eval_examples:
            loss = self.evaluate()
            better = self.best is None or loss < self.best[0]
            self.best = (loss, number) if better else self.best
            if self.accelerator.is_main_process:
                self.history.evaluated(number, epoch=self.epoch, loss=loss, best=better)
        if self.accelerator.is_main_process:
            state = {
                "step": number,
                "recipe": recipe(self.settings),
                "updates": self.updates.state(),
                "best": self.best,
                "history": self.history.entries,
            }
            output, base = self.settings.output_dir, self.settings.base_model
            save_checkpoint(output, self.model, step=number, base_model=base, state=state)

    @torch.no_grad()
    def evaluate(self) -> float:
        """Give the mean loss over all answer tokens of the evaluation rows."""
        lengths = [len(one["input_ids"]) for one in self.eval_examples]
        groups = split(range(len(lengths)), lengths, room=self.room)
        total = torch.zeros((), device=self.accelerator.device)
        self.loss.eval()
        for group in groups[self.accelerator.process_index :: self.accelerator.num_processes]:
            total += self.loss(self._batch([self.eval_examples[one] for one in group]))
        self.loss.train()
        return float(self.accelerator.reduce(total, "sum")) / sum(scored(one) for one in self.eval_examples)

    def _hand_over(self, seconds: float) -> None:
        if self.accelerator.is_main_process:
            step = self.best[1] if self.best else self.steps
            hand_over(
                self.settings,
                step=step,
                parameters=sum(one.numel() for one in self.parameters),
                rows_used=len(self.examples),
                train_s=seconds,
                entries=self.history.entries,
            )

    # Before the first step.

    def _settle(self) -> Room:
        """Find out how this model may be fed: whether examples may share a row, and in which sizes."""
        steps = {"token_step": TOKEN_STEP, "answer_step": ANSWER_STEP} if self.on_gpu else {}
        tokens = self.settings.batch_tokens
        shared = Room(tokens=tokens, packing=True, **steps)
        apart = Room(tokens=tokens, packing=False, **steps)
        shortest = sorted(self.examples, key=lambda one: len(one["input_ids"]))[:2]
        lay = partial(collate, padding=self.padding, device=self.accelerator.device)
        alone = tuple(lay([one], room=apart) for one in shortest)
        may_share = self.loss.settle(alone[0], alone, lay(shortest, room=shared))
        if self.settings.packing and not may_share:
            say("this model mixes examples that share a row: each gets a row of its own")
        return shared if self.settings.packing and may_share else apart

    def rehearse(self) -> None:
        """Run the largest batch once, so that time and memory are known, and a lack of it, before the first step.

        Raises:
            torch.cuda.OutOfMemoryError: It does not fit.
        """
        groups = self._split(range(len(self.examples)))
        largest = max(groups, key=lambda group: sum(self.lengths[one] for one in group))
        try:
            seconds = self._timed_pass(largest)
        except torch.cuda.OutOfMemoryError:
            if self.settings.gradient_checkpointing != "auto":
                raise
            say("the largest batch does not fit: activations are computed twice from here on (gradient checkpointing)")
            self._checkpoint_activations()
            torch.cuda.empty_cache()
            seconds = self._timed_pass(largest)
        in_batch = sum(self.lengths[one] for one in largest)
        tokens = round(sum(self.lengths) * self.settings.num_epochs)
        minutes = tokens * seconds / in_batch / 60 / self.accelerator.num_processes
        memory = f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if self.on_gpu else ""
        say(
            f"{self.steps} updates of {self.settings.examples_per_step} examples, {tokens:,} tokens in all; "
            f"the largest batch has {in_batch:,} tokens and took {seconds:.2f} s{memory}: "
            f"at most about {minutes:.1f} minutes"
        )

    def _timed_pass(self, group: Sequence[int]) -> float:
        batch = self._batch([self.examples[one] for one in group])
        nothing = torch.zeros((), device=self.accelerator.device)
        if self.on_gpu:
            self._pass(batch, nothing)  # the first one also loads kernels
            torch.cuda.synchronize()
        started_s = time.monotonic()
        self._pass(batch, nothing)
        if self.on_gpu:
            torch.cuda.synchronize()
        return time.monotonic() - started_s

    def _checkpoint_activations(self) -> None:
        """Keep few activations and compute them again in the backward pass; such a pass is not recorded."""
        self.model.get_base_model().gradient_checkpointing_enable({"use_reentrant": False})
        self.run_pass = self._pass
        self.checkpointed = True


def scored(example: Encoded) -> int:
    """Count the tokens of an example that the loss is taken of."""
    return sum(label != IGNORED for label in example["labels"])
