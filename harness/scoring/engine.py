"""Scores examples with a resident base model and one LoRA adapter at a time. Knows no student and no assignment.

How a batch is computed: rows are padded on the right and there is no attention mask. A causal model cannot look ahead,
so the pads change nothing that is scored. What all rows have in common at their start, a template say, is computed
once. The head runs on scored positions alone, in chunks that bound memory. What a batch needs is on the device before
the first one starts, and a result is awaited only when the next batch is queued.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.language import message
from harness.model.assignment import Quantization
from harness.model.result import ExampleScore
from harness.scoring.adapter import read_adapter
from harness.scoring.base import Base, Device, Dtype, load_base
from harness.scoring.decoder import Decoder, Prefix, decoder_of
from harness.scoring.definition import Encoded, PromptTooLong, encode, example_score
from harness.scoring.kernels import FORM
from harness.scoring.placement import Weights
from harness.scoring.plan import plan_batches, shared_prefix
from harness.scoring.protocol import PromptedExample
from harness.scoring.refusal import BaseModelError, ExampleError

TOKEN_BUDGET = 8_192
HEAD_POSITIONS = 1_024
REMEMBERED_TEXTS = 8
FREE_SHARED = 256  # tokens of a shared start that the batch plan leaves out of account
PROBE_TOKENS = 32
PROBE_ROUNDINGS = 8
PROBE_TOLERANCE = 1e-4

Ids = list[list[int]]


def ignore_progress(done: int, total: int) -> None:
    """Take progress and do nothing."""


def available_device() -> Device:
    """Give cuda where a GPU answers, else cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def versions() -> dict[str, str]:
    """Give the versions that a score depends on."""
    found = {name: version(name) for name in ("torch", "transformers", "peft", "bitsandbytes")}
    found["kernels"] = FORM
    return found | ({"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {})


def free_memory() -> None:
    """Give memory that nothing holds any more back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows of one forward pass, on the device: ids (B, T); for the S scored positions: row, column, target (S,)."""

    members: tuple[int, ...]
    lengths: tuple[int, ...]
    ids: Tensor
    rows: Tensor
    columns: Tensor
    targets: Tensor


class Engine:
    """A resident base model that scores adapters one after the other.

    The same adapter and examples on the same stack and device give the same bits, whatever was scored in between.
    """

    def __init__(
        self,
        base_model: str,
        *,
        quantization: Quantization,
        device: Device,
        dtype: Dtype,
        max_tokens: int,
        token_budget: int = TOKEN_BUDGET,
    ) -> None:
        """Load the base model and its tokenizer from a local folder; see `base.load_base`.

        Args:
            base_model: Folder with config, weights and tokenizer.
            quantization: How the linear layers are quantised; the rest is in `dtype`.
            device: Where to compute; cuda is the first visible GPU.
            dtype: Type of all weights that are not quantised.
            max_tokens: Longest sequence; see `harness.scoring.definition`.
            token_budget: Most tokens of one batch, padding included. Part of what fixes the bits.

        Raises:
            BaseModelError: The folder, the model in it, or the device cannot be used.
        """
        self._base = load_base(base_model, quantization=quantization, device=device, dtype=dtype)
        self._max_tokens = max_tokens
        self._token_budget = token_budget
        self._texts: OrderedDict[tuple[str, ...], Ids] = OrderedDict()
        self._decoder: Decoder | None = None
        with torch.inference_mode():
            self._probe()

    @property
    def weights(self) -> Weights:
        """How the base model's weights are held."""
        return self._base.weights

    @property
    def weights_bytes(self) -> int:
        """Memory that the base model takes."""
        return sum(one.numel() * one.element_size() for one in self._base.model.parameters())

    def score(
        self,
        examples: Sequence[PromptedExample],
        adapter: Path | None,
        *,
        on_progress: Callable[[int, int], None] = ignore_progress,
    ) -> list[ExampleScore]:
        """Score the examples with the adapter in a folder, or with the bare base model.

        Args:
            examples: Prompts and reference outputs.
            adapter: Folder with `adapter_config.json` and `adapter_model.safetensors`, admitted by the gate.
            on_progress: Called with (done, total) examples after each batch.

        Returns:
            One score an example, in their order. Figures may be infinite or NaN where the adapter makes them so.

        Raises:
            AdapterError: The adapter does not load on this base model, or not all of its tensors are used.
            ExampleError: A prompt leaves no room for the output.
            BaseModelError: The tokenizer does not belong to the model.
        """
        encoded = self._encode(examples)
        losses: list[list[float]] = [[] for _ in encoded]
        done = 0
        with adapted(self._base, adapter), torch.inference_mode():
            for batch, nll in self._batches_nll(encoded):
                for index, row in zip(batch.members, nll.split(batch.lengths), strict=True):
                    losses[index] = row.tolist()
                done += len(batch.members)
                on_progress(done, len(encoded))
        return [example_score(example.id, row) for example, row in zip(examples, losses, strict=True)]

    def _encode(self, examples: Sequence[PromptedExample]) -> list[Encoded]:
        prompts = self._tokenize(tuple(one.prompt for one in examples))
        outputs = self._tokenize(tuple(one.output for one in examples))
        return [self._encode_one(*parts) for parts in zip(examples, prompts, outputs, strict=True)]

    def _tokenize(self, texts: tuple[str, ...]) -> Ids:
        """Tokenize a test set's outputs or a submission's prompts; the last few are remembered."""
        if not texts:
            return []
        if texts not in self._texts:
            self._texts[texts] = self._base.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        self._texts.move_to_end(texts)
        if len(self._texts) > REMEMBERED_TEXTS:
            self._texts.popitem(last=False)
        return self._texts[texts]

    def _encode_one(self, example: PromptedExample, prompt_ids: list[int], output_ids: list[int]) -> Encoded:
        tokenizer = self._base.tokenizer
        encoded = encode(
            prompt_ids, output_ids, bos=tokenizer.bos_token_id, eos=tokenizer.eos_token_id, max_tokens=self._max_tokens
        )
        if isinstance(encoded, PromptTooLong):
            raise ExampleError(message("example {id}: {problem}", id=repr(example.id), problem=encoded.words))
        rows = self._base.model.get_input_embeddings().weight.shape[0]
        if max(encoded.ids) >= rows:
            raise BaseModelError(f"the tokenizer gives the id {max(encoded.ids)}, the model has only {rows} embeddings")
        return encoded

    def _batches_nll(self, encoded: Sequence[Encoded]) -> Iterator[tuple[_Batch, Tensor]]:
        """Give each batch with the NLL in nats of its scored positions (S,), on the CPU. Call it in inference mode."""
        skip = self._shared(encoded)
        # Each row holds the keys and values of a long shared start again: a quarter of them counts as its own tokens.
        held = max(0, skip - FREE_SHARED) // 4
        plan = plan_batches([len(one.ids) - skip + held for one in encoded], token_budget=self._token_budget)
        batches = [self._prepare(members, encoded, skip) for members in plan]
        prefix = self._prefix(encoded[0].ids[:skip]) if skip else None
        queued: tuple[_Batch, Tensor] | None = None
        for batch in batches:
            nll = self._nll(batch, prefix)
            if queued:
                yield queued[0], queued[1].cpu()
            queued = batch, nll
        if queued:
            yield queued[0], queued[1].cpu()

    def _shared(self, encoded: Sequence[Encoded]) -> int:
        """How many tokens at the start of all rows are computed once. The one before the first scored is not shared."""
        if self._decoder is None or not encoded:
            return 0
        return shared_prefix([one.ids for one in encoded], at_most=min(one.scored_from for one in encoded) - 1)

    def _prefix(self, ids: Sequence[int]) -> Prefix:
        assert self._decoder is not None
        return self._decoder.prefix(torch.tensor([ids], device=self._base.device))

    def _prepare(self, members: tuple[int, ...], encoded: Sequence[Encoded], skip: int) -> _Batch:
        rows = [encoded[index] for index in members]
        longest = max(len(one.ids) for one in rows) - skip
        ids = torch.full((len(rows), longest), self._base.tokenizer.eos_token_id)  # (B, T)
        scored = torch.zeros_like(ids, dtype=torch.bool)  # (B, T)
        for row, one in enumerate(rows):
            ids[row, : len(one.ids) - skip] = torch.tensor(one.ids[skip:])
            scored[row, one.scored_from - skip : len(one.ids) - skip] = True
        at = scored.nonzero(as_tuple=True)  # (S,) twice, row by row
        on_device = (tensor.to(self._base.device) for tensor in (ids, at[0], at[1] - 1, ids[at]))
        return _Batch(members, tuple(one.scored for one in rows), *on_device)

    def _nll(self, batch: _Batch, prefix: Prefix | None) -> Tensor:
        hidden = self._hidden(batch.ids, prefix)[batch.rows, batch.columns]  # (S, H)
        return self._head_nll(hidden, batch.targets)

    def _hidden(self, ids: Tensor, prefix: Prefix | None = None) -> Tensor:
        """Run the model without its head: ids (B, T) -> last hidden states (B, T, H)."""
        if self._decoder is not None:
            return self._decoder.hidden(ids, prefix)
        hidden: Tensor = self._base.model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        return hidden

    def _head_nll(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Run the head and a log-softmax in fp32 on (S, H), a chunk at a time -> NLL in nats (S,)."""
        head = self._base.model.get_output_embeddings()
        chunks = zip(hidden.split(HEAD_POSITIONS), targets.split(HEAD_POSITIONS), strict=True)
        losses = [cross_entropy(head(states).float(), target, reduction="none") for states, target in chunks]
        return torch.cat(losses)

    def _probe(self) -> None:
        """Refuse a model whose logits are more than its head on its last hidden states (scaled or capped logits).

        Where our own way to the hidden states does not agree with the model's, the model's is used.
        """
        model = self._base.model
        count = min(PROBE_TOKENS, model.get_input_embeddings().weight.shape[0])
        ids = torch.arange(count, device=self._base.device)[None]
        whole = model(input_ids=ids, use_cache=False, output_hidden_states=True)
        head = model.get_output_embeddings()
        if not _agree(whole.logits, head(whole.hidden_states[-1]), dtype=torch.float32):
            raise BaseModelError("the model changes its logits after the head, which the engine does not do")
        decoder = decoder_of(model)
        if decoder and _agree(whole.hidden_states[-1], decoder.hidden(ids), dtype=whole.logits.dtype):
            self._decoder = decoder


def _agree(expected: Tensor, seen: Tensor, *, dtype: torch.dtype) -> bool:
    """Compare two tensors by the norm of their difference: a few roundings of a type apart, at most."""
    distance = (expected.float() - seen.float()).norm() / expected.float().norm()
    return bool(distance < max(PROBE_TOLERANCE, PROBE_ROUNDINGS * torch.finfo(dtype).eps))


@contextmanager
def adapted(base: Base, folder: Path | None) -> Iterator[None]:
    """Fill the base model's slots with an adapter for the time of the block; afterwards all are empty.

    Raises:
        AdapterError: The adapter does not fit; the slots are empty then.
    """
    updates = {} if folder is None else read_adapter(folder, base.shapes)
    try:
        with torch.inference_mode():
            for name, update in updates.items():
                base.slots[name].fill(update.a, update.b, update.scale)
        yield
    finally:
        for slot in base.slots.values():
            slot.clear()
