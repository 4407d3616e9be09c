"""The evaluation itself: loads base and adapter once, measures everything, and gives all figures as plain data.

Must not know how a report looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from adapter.files import WEIGHTS_NAME, base_name
from adapter.swap import Slot
from base_model import load_tokenizer, text_config
from encoding import Encoded, scored
from evaluation.answering import answer
from evaluation.exemplars import encode_shot, prompt_of
from evaluation.likelihoods import Meter
from evaluation.perplexity import Likelihood, cut, figures, interval
from evaluation.samples import choose_samples
from evaluation.text_metrics import compare_texts
from files import InputError, sha256_of
from positions import most_tokens
from predict import load_model
from progress import a_few
from training.checkpoints import step_of

if TYPE_CHECKING:
    from evaluate import Work

ADAPTER, BASE = "adapter", "base"


def evaluate(work: Work) -> dict[str, Any]:
    """Measure all that is asked for.

    Returns:
        What `results.json` holds; a figure beyond a double is infinite.

    Raises:
        InputError: The base cannot be loaded, the adapter does not fit it, an example has no room, or memory is short.
    """
    tokenizer = load_tokenizer(work.options.base_model)
    asked = {shots: encode(tokenizer, work, shots=shots) for shots in sorted({0, *work.shots})}
    encoded = {shots: examples for shots, (examples, _) in asked.items()}
    outputs_cut = {shots: count for shots, (_, count) in asked.items()}
    try:
        model = load_model(work.options.base_model, work.options.adapter, keep_4bit=work.options.keep_4bit)
        refuse_longer(encoded, work, most=most_tokens(text_config(model.config)))
        return Evaluation(work, model, tokenizer, encoded=encoded, outputs_cut=outputs_cut).run()
    except torch.cuda.OutOfMemoryError as error:
        raise InputError(
            f"the GPU ran out of memory ({str(error).split('. ')[0]}); try --batch_tokens "
            f"{max(1, work.options.batch_tokens // 4)}, then --keep_4bit"
        ) from error


def encode(tokenizer: Any, work: Work, *, shots: int) -> tuple[list[Encoded], int]:
    """Encode all rows behind their exemplars.

    Returns:
        The examples, and how many of their outputs are cut.

    Raises:
        InputError: A prompt leaves no room for its answer.
    """
    encoded: list[Encoded] = []
    outputs_cut = 0
    for row in work.rows:
        whole = encode_shot(tokenizer, row, work.exemplars[:shots])
        example = cut(whole, max_tokens=work.options.max_tokens)
        if isinstance(example, str):
            remedy = "take fewer --shots, or raise --max_tokens" if shots else "shorten get_prompt in utils.py"
            behind = f" behind {shots} exemplars" if shots else ""
            raise InputError(f"{work.options.eval_file}: {row['id']}{behind}: {example}; {remedy}")
        encoded.append(example)
        outputs_cut += scored(example) < scored(whole)
    return encoded, outputs_cut


def refuse_longer(encoded: Mapping[int, Sequence[Encoded]], work: Work, *, most: int | None) -> None:
    """Refuse examples that the model has no places for; None: it has as many as one likes.

    Raises:
        InputError: It names a few, and what to do.
    """
    if most is None:
        return
    for shots, examples in encoded.items():
        lengths = {row["id"]: len(one["input_ids"]) for row, one in zip(work.rows, examples, strict=True)}
        if long := [f"{key} ({length:,} tokens)" for key, length in lengths.items() if length > most]:
            behind, remedy = (f" behind {shots} exemplars", "take fewer --shots, or ") if shots else ("", "")
            raise InputError(
                f"{work.options.eval_file}: this model takes at most {most:,} tokens, and rows{behind} are longer: "
                f"{a_few(long)}; {remedy}cut them by --max_tokens {most}"
            )


class Evaluation:
    """One evaluation of a loaded model.

    Args:
        work: What to measure.
        model: The base with the adapter on it.
        tokenizer: Its tokenizer.
        encoded: The rows behind each number of exemplars, 0 among them.
        outputs_cut: How many of the rows' outputs are cut, behind each number of exemplars.
    """

    def __init__(
        self,
        work: Work,
        model: Any,
        tokenizer: Any,
        *,
        encoded: Mapping[int, Sequence[Encoded]],
        outputs_cut: Mapping[int, int],
    ) -> None:
        self.work, self.model, self.tokenizer = work, model, tokenizer
        self.encoded, self.outputs_cut = encoded, outputs_cut
        self.meter = Meter(model, padding=tokenizer.pad_token_id, batch_tokens=work.options.batch_tokens)

    def run(self) -> dict[str, Any]:
        """Measure, and put the figures together."""
        rows, options = self.work.rows, self.work.options
        adapter = self.meter.measure(self.encoded[0], name=ADAPTER)
        with self.model.disable_adapter():
            base = self.meter.measure(self.encoded[0], name=BASE)
        few_shot = list(self.few_shot(base))
        curve = list(self.learning_curve(base, adapter))
        answers = self.answers()
        return {
            "settings": {
                "base_model": base_name(options.base_model),
                "adapter": options.adapter.name,
                "adapter_sha256": sha256_of(options.adapter / WEIGHTS_NAME),
                "eval_file": options.eval_file.name,
                "eval_sha256": sha256_of(options.eval_file),
                "max_tokens": options.max_tokens,
                "seed": options.seed,
                "device": torch.cuda.get_device_name() if self.model.device.type == "cuda" else "cpu",
                "dtype": str(self.model.dtype).removeprefix("torch."),
            },
            "perplexity": {BASE: self.figures(base), ADAPTER: self.figures(adapter), **self.difference(base, adapter)},
            "learning_curve": curve,
            "few_shot": few_shot,
            "texts": [
                {"name": name, **compare_texts(texts, [row["output"] for row in rows])}
                for name, texts in answers.items()
            ],
            "samples": self.samples(base, adapter, answers),
            "examples": [
                {"id": row["id"], "tokens": one.tokens, BASE: _plain(one), ADAPTER: _plain(two)}
                for row, one, two in zip(rows, base, adapter, strict=True)
            ],
        }

    def figures(self, likelihoods: Sequence[Likelihood], *, shots: int = 0) -> dict[str, Any]:
        """Sum up the examples of the evaluation, measured behind a number of exemplars."""
        characters = sum(len(row["output"]) for row in self.work.rows)
        seed = self.work.options.seed
        return figures(likelihoods, characters=characters, seed=seed, outputs_cut=self.outputs_cut[shots])

    def difference(self, base: Sequence[Likelihood], adapter: Sequence[Likelihood]) -> dict[str, Any]:
        """Say by how much the adapter lowers the score, and for how many examples it does."""
        gains = [one.perplexity - two.perplexity for one, two in zip(base, adapter, strict=True)]
        lowered = interval(gains, seed=self.work.options.seed)
        return {"lowered_by_interval": lowered, "examples_lowered": sum(gain > 0 for gain in gains)}

    def few_shot(self, base: Sequence[Likelihood]) -> Iterator[dict[str, Any]]:
        """Measure the bare base behind each number of exemplars."""
        for shots in self.work.shots:
            with self.model.disable_adapter():
                found = self.meter.measure(self.encoded[shots], name=f"{BASE}, {shots}-shot") if shots else base
            shown = [{name: row[name] for name in ("instruction", "output")} for row in self.work.exemplars[:shots]]
            yield {"shots": shots, **self.figures(found, shots=shots), "exemplars": shown}

    def learning_curve(self, base: Sequence[Likelihood], adapter: Sequence[Likelihood]) -> Iterator[dict[str, Any]]:
        """Measure each checkpoint; the base is step 0. The adapter's own weights are in the model again at the end."""
        if not self.work.checkpoints:
            return
        yield {"step": 0, **self.figures(base), "is_adapter": False}
        slot = Slot(self.model)
        own = sha256_of(self.work.options.adapter / WEIGHTS_NAME)
        for folder in self.work.checkpoints:
            found, same = adapter, sha256_of(folder / WEIGHTS_NAME) == own
            if not same:
                slot.put(folder)
                found = self.meter.measure(self.encoded[0], name=folder.name)
            yield {"step": step_of(folder), **self.figures(found), "is_adapter": same}
        slot.put(self.work.options.adapter)

    def answers(self) -> dict[str, list[str]]:
        """Give the answers to all rows, by who answered: those that are there, and those that are asked for."""
        answers: dict[str, list[str]] = {}
        if self.work.options.generate:
            for shots in sorted({0, *self.work.shots}):
                name = f"{BASE}, {shots}-shot" if shots else BASE
                answers[name] = self.answer(self.encoded[shots], name=name)
        if self.work.predictions is not None:
            answers[ADAPTER] = list(self.work.predictions)
        elif self.work.options.generate:
            answers[ADAPTER] = self.answer(self.encoded[0], name=ADAPTER)
        return answers

    def samples(
        self, base: Sequence[Likelihood], adapter: Sequence[Likelihood], answers: Mapping[str, Sequence[str]]
    ) -> list[dict[str, Any]]:
        """Show some examples, with answers made now where none are there."""
        chosen = choose_samples(base, adapter, count=self.work.options.samples)
        places = [place for _, place in chosen]
        shown = {}
        for name in (BASE, ADAPTER) if chosen else ():
            if name in answers:
                shown[name] = [answers[name][place] for place in places]
            else:
                shown[name] = self.answer([self.encoded[0][place] for place in places], name=name)
        return [
            {
                "kind": kind,
                **{name: self.work.rows[place][name] for name in ("id", "instruction", "output")},
                "perplexity": {BASE: base[place].perplexity, ADAPTER: adapter[place].perplexity},
                "answers": {name: shown[name][number] for name in (BASE, ADAPTER)},
            }
            for number, (kind, place) in enumerate(chosen)
        ]

    def answer(self, examples: Sequence[Encoded], *, name: str) -> list[str]:
        """Let the adapter, or by its name the bare base, answer."""
        options = self.work.options
        with self.model.disable_adapter() if name != ADAPTER else nullcontext():
            return answer(
                self.model,
                self.tokenizer,
                [prompt_of(one) for one in examples],
                max_new_tokens=options.max_new_tokens,
                name=name,
            )


def _plain(one: Likelihood) -> dict[str, float]:
    return {"nll_nats": one.nll_nats, "perplexity": one.perplexity}
