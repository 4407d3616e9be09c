"""The training itself: one `Trainer` with the step, the evaluation and what is kept. Must not know the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from encoding import Encoded, scored
from files import InputError
from progress import say
from settings import Settings
from training.answer_loss import AnswerLoss
from training.batches import Batch, collate, count_steps, plan_steps, split
from training.checkpoints import forget_earlier, forget_halves, save_checkpoint
from training.graphs import Recordings
from training.hand_over import hand_over
from training.history import History
from training.rehearsal import checkpoint_activations, estimate, timed_pass
from training.together import Together
from training.trial import find_room
from training.updates import Rules, Updates
from training.zero_updates import ZeroUpdates


class Trainer:
    """One training run.

    Args:
        settings: What decides it.
        together: The processes that take part.
        model: The base model with a fresh adapter.
        examples: What is trained on.
        eval_examples: What is evaluated on; none: the last adapter is the one that is kept.
        padding: The token id that rows are filled up with.
        origin: What all checkpoints keep of where the run comes from: its `recipe` and `eval_rows`.
    """

    def __init__(
        self,
        settings: Settings,
        together: Together,
        model: Any,
        examples: Sequence[Encoded],
        eval_examples: Sequence[Encoded],
        *,
        padding: int,
        origin: Mapping[str, Any],
    ) -> None:
        self.settings, self.together, self.model = settings, together, model
        self.examples, self.eval_examples, self.padding = examples, eval_examples, padding
        self.origin = origin
        self.lengths = [len(one["input_ids"]) for one in examples]
        self.on_gpu = together.device.type == "cuda"
        each, epochs = settings.examples_per_step, settings.num_epochs
        self.steps = count_steps(len(examples), examples_per_step=each, epochs=epochs)
        self.loss = AnswerLoss(model)
        self.room = find_room(
            self.loss,
            [*examples, *eval_examples],
            tokens=settings.batch_tokens,
            packing=settings.packing,
            padding=padding,
            device=together.device,
        )
        self.run_pass = self._pass
        if self.on_gpu and settings.cuda_graphs and not together.sharded:
            self.run_pass = Recordings(self._pass, alone=together.alone)
        # Processes that share the base out do so for want of memory, and must all do the same.
        if settings.gradient_checkpointing == "on" or (together.sharded and settings.gradient_checkpointing == "auto"):
            self._checkpoint_activations()
        if together.sharded:
            together.share_layers(self.loss, model.get_base_model())
        self.parameters = [one for one in model.parameters() if one.requires_grad]
        together.take_from_first(self.parameters)
        rules = Rules(
            optimizer=settings.optimizer,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.max_grad_norm,
            warmup_steps=int(settings.warmup_ratio * self.steps),
            steps=self.steps,
        )
        self.updates = (ZeroUpdates if together.zero else Updates)(self.parameters, together, rules)
        self.history = History(self.steps)
        self.earlier_s = 0.0  # what earlier parts of the run took
        self.epoch = 0.0
        self.best: tuple[float, int] | None = None  # eval loss, step

    # One update of the weights.

    def step(self, number: int, chosen: Sequence[int]) -> float:
        """Update the weights once, by the mean loss over all answer tokens of the chosen examples; give that loss."""
        # Dropout; the same when a run goes on later.
        torch.manual_seed((self.settings.seed * 1_000_003 + number) * self.together.count + self.together.index)
        answered = sum(scored(self.examples[one]) for one in chosen)
        factor = torch.tensor(1 / answered, device=self.together.device)
        total = torch.zeros((), device=self.together.device)
        self.updates.clear()
        for batch in self._batches(chosen):
            total += self.run_pass(batch, factor)
        for _ in range(self._idle_passes(chosen)):
            self.run_pass(self._batch(self.examples[:1]), torch.zeros_like(factor))
        loss = self.together.total(total) / answered
        self._refuse_nonsense("loss", loss, number)
        norm, rate = self.updates.step()
        self._refuse_nonsense("norm of the gradient", norm, number)
        tokens = sum(self.lengths[one] for one in chosen)
        if self.together.first:
            self.history.took_step(number, epoch=self.epoch, loss=loss, rate=rate, norm=norm, tokens=tokens)
        return loss

    def _pass(self, batch: Batch, factor: Tensor) -> Tensor:
        """Add the gradient of a batch, times `factor`, and give its summed loss."""
        loss: Tensor = self.loss(batch)
        (loss * factor).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _batches(self, chosen: Sequence[int]) -> list[Batch]:
        """Lay the examples that are this process's into batches."""
        groups = split(self.together.share(chosen), self.lengths, room=self.room)
        return [self._batch([self.examples[one] for one in group]) for group in groups]

    def _idle_passes(self, chosen: Sequence[int]) -> int:
        """Count the passes in which this process only helps: where layers are shared out, all make equally many."""
        if not self.together.sharded:
            return 0
        shares = (self.together.share(chosen, index) for index in range(self.together.count))
        counts = [len(split(share, self.lengths, room=self.room)) for share in shares]
        return max(counts) - counts[self.together.index]

    def _batch(self, examples: Sequence[Encoded]) -> Batch:
        return collate(examples, room=self.room, padding=self.padding, device=self.together.device)

    def _refuse_nonsense(self, name: str, value: float, number: int) -> None:
        if not math.isfinite(value):
            raise InputError(
                f"the {name} is {value} at step {number} of {self.steps}; lower --learning_rate, or look for broken "
                "rows; the checkpoints before it are kept"
            )

    # The run.

    def run(self, state: Mapping[str, Any] | None = None) -> None:
        """Go through all updates, evaluate and keep checkpoints on the way, hand over the best adapter.

        Args:
            state: What the last checkpoint kept, to go on from it.
        """
        begun = self._go_on(state) if state else 0
        if self.together.first:
            forget_halves(self.settings.output_dir)
            if not begun:
                forget_earlier(self.settings.output_dir)
        try:
            if self.together.first:
                self.history.begin()
            self._go_through(begun)
        finally:
            self.history.close()
        if self.together.first:
            self._hand_over()

    def _go_through(self, begun: int) -> None:
        settings = self.settings
        every = settings.eval_every or -(-len(self.examples) // settings.examples_per_step)
        self.loss.train()
        for number, (epoch, chosen) in enumerate(self._plan(), 1):
            self.epoch = epoch
            if number <= begun:
                continue
            self.step(number, chosen)
            if number % every == 0 or number == self.steps:
                self._evaluate_and_keep(number)
        if self.eval_examples and self.best is None:  # other rows than those of the run that is over already
            self._evaluate_and_keep(self.steps)

    def _plan(self) -> Any:
        each, epochs = self.settings.examples_per_step, self.settings.num_epochs
        return plan_steps(len(self.examples), examples_per_step=each, epochs=epochs, seed=self.settings.seed)

    def _go_on(self, state: Mapping[str, Any]) -> int:
        """Go on from a checkpoint; give the number of its step."""
        if self.together.first:
            self.history = History(self.steps, state["history"])
        self.updates.load(state["updates"])
        self.earlier_s = state["train_s"]
        self.best = state["best"]
        say(f"going on after step {state['step']} of {self.steps}")
        return int(state["step"])

    def _evaluate_and_keep(self, number: int) -> None:
        if self.eval_examples:
            loss = self.evaluate()
            self._refuse_nonsense("evaluation loss", loss, number)
            better = self.best is None or loss < self.best[0]
            self.best = (loss, number) if better else self.best
            if self.together.first:
                self.history.evaluated(number, epoch=self.epoch, loss=loss, best=better)
        self.together.put_back()
        kept = self.updates.state()  # each process may have a share of it
        if self.together.first:
            progress = {"step": number, "best": self.best, "train_s": self.earlier_s + self.history.seconds}
            state = {**self.origin, **progress, "updates": kept, "history": self.history.entries}
            output, base = self.settings.output_dir, self.settings.base_model
            save_checkpoint(output, self.model, step=number, base_model=base, state=state)
        self.together.wait()

    @torch.no_grad()
    def evaluate(self) -> float:
        """Give the mean loss over all answer tokens of the evaluation rows."""
        lengths = [len(one["input_ids"]) for one in self.eval_examples]
        groups = split(range(len(lengths)), lengths, room=self.room)
        total = torch.zeros((), device=self.together.device)
        self.loss.eval()
        for group in (mine := self.together.share(groups)):
            total += self.loss(self._batch([self.eval_examples[one] for one in group]))
        if self.together.sharded and len(mine) < len(self.together.share(groups, 0)):
            self.loss(self._batch(self.examples[:1]))
        self.loss.train()
        return self.together.total(total) / sum(scored(one) for one in self.eval_examples)

    def _hand_over(self) -> None:
        hand_over(
            self.settings,
            step=self.best[1] if self.best else self.steps,
            parameters=sum(one.numel() for one in self.parameters),
            rows_used=len(self.examples),
            train_s=self.earlier_s + self.history.seconds,
            entries=self.history.entries,
        )

    # Before the first step.

    def rehearse(self, *, done: int = 0) -> None:
        """Run the largest batch once, so that time and memory are known, and a lack of it, before the first step.

        Args:
            done: Updates that an earlier part of the run took.

        Raises:
            torch.cuda.OutOfMemoryError: It does not fit.
        """
        if done == self.steps:  # it was cut short while it was handing over
            return
        groups = (group for _, chosen in self._plan() for group in split(chosen, self.lengths, room=self.room))
        largest = max(groups, key=lambda group: sum(self.lengths[one] for one in group))
        batch = self._batch([self.examples[one] for one in largest])
        try:
            seconds = timed_pass(self._pass, batch)
        except torch.cuda.OutOfMemoryError:
            if self.settings.gradient_checkpointing != "auto" or self.together.sharded:
                raise
            say("the largest batch does not fit: activations are computed twice from here on (gradient checkpointing)")
            self._checkpoint_activations()
            torch.cuda.empty_cache()
            seconds = timed_pass(self._pass, batch)
        say(
            estimate(
                steps=self.steps - done,
                examples_per_step=min(self.settings.examples_per_step, len(self.examples)),
                tokens=sum(self.lengths[one] for _, chosen in islice(self._plan(), done, None) for one in chosen),
                processes=self.together.count,
                pass_tokens=sum(self.lengths[one] for one in largest),
                pass_s=seconds,
            )
        )

    def _checkpoint_activations(self) -> None:
        checkpoint_activations(self.model.get_base_model())
        self.run_pass = self._pass  # such a pass is not recorded
