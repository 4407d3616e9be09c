"""Scores examples with a base model and one LoRA adapter at a time. The only module that imports torch and its kin.

Knows no student, no assignment and no file but the base model and an adapter folder that the gate has admitted. The
base model is loaded once; an adapter is put on, used and taken off again, so that nothing of it is left behind.

How a batch is computed: rows are padded on the right and there is no attention mask. A causal model cannot look ahead,
so the pads change nothing that is scored. The head runs on scored positions alone, in chunks that bound memory.
"""

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import torch
from peft import LoraConfig, inject_adapter_in_model
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import logging

from harness.model.assignment import Quantization
from harness.model.result import ExampleScore
from harness.scoring.definition import Encoded, PromptTooLong, encode, example_score
from harness.scoring.plan import plan_batches
from harness.scoring.protocol import PromptedExample
from harness.scoring.refusal import AdapterError, BaseModelError, ExampleError

Device = Literal["cpu", "cuda"]
Dtype = Literal["float32", "bfloat16", "float16"]

TOKEN_BUDGET = 16_384
PREFIX = "base_model.model."  # what peft's save_pretrained puts before every name
SLOT = "scored"  # the adapter's name inside the model
HEAD_POSITIONS = 512
DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
)
# What of an adapter_config.json reaches peft. All else keeps peft's default, dropout 0; a setting that adds tensors
# (DoRA, biases, modules_to_save) then fails the check that every tensor was used.
LORA_FIELDS = (
    "r", "lora_alpha", "target_modules", "exclude_modules", "rank_pattern", "alpha_pattern", "use_rslora",
    "layers_to_transform", "layers_pattern",
)  # fmt: skip


def ignore_progress(done: int, total: int) -> None:
    """Take progress and do nothing."""


def available_device() -> Device:
    """Give cuda where a GPU answers, else cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def versions() -> dict[str, str]:
    """Give the versions that a score depends on."""
    found = {name: version(name) for name in ("torch", "transformers", "peft", "bitsandbytes")}
    return found | ({"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {})


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
        """Load the base model and its tokenizer from a local folder; no network, no remote code, safetensors only.

        Args:
            base_model: Folder with config, weights and tokenizer.
            quantization: How the linear layers are held; the rest is in `dtype`.
            device: Where to compute; cuda is the first visible GPU.
            dtype: Type of all weights that are not quantised.
            max_tokens: Longest sequence; see `harness.scoring.definition`.
            token_budget: Most tokens of one batch, padding included. Part of what fixes the bits.

        Raises:
            BaseModelError: The folder, the model in it, or the device cannot be used.
        """
        _be_quiet()
        if device == "cuda" and not torch.cuda.is_available():
            raise BaseModelError("no CUDA GPU answers")
        self._device = torch.device("cuda", 0) if device == "cuda" else torch.device("cpu")
        self._max_tokens = max_tokens
        self._token_budget = token_budget
        self._tokenizer, self._model = _load(base_model, quantization, self._device, DTYPES[dtype])
        if self._tokenizer.eos_token_id is None:
            raise BaseModelError("the tokenizer has no eos token, which ends every sequence")
        with torch.inference_mode():
            self._probe()

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
        with _adapted(self._model, adapter), torch.inference_mode():
            for batch in plan_batches([len(one.ids) for one in encoded], token_budget=self._token_budget):
                for index, row in zip(batch, self._batch_nll([encoded[index] for index in batch]), strict=True):
                    losses[index] = row
                done += len(batch)
                on_progress(done, len(encoded))
        return [example_score(example.id, row) for example, row in zip(examples, losses, strict=True)]

    def _encode(self, examples: Sequence[PromptedExample]) -> list[Encoded]:
        if not examples:
            return []
        prompts = self._tokenizer([one.prompt for one in examples], add_special_tokens=False)["input_ids"]
        outputs = self._tokenizer([one.output for one in examples], add_special_tokens=False)["input_ids"]
        return [self._encode_one(*parts) for parts in zip(examples, prompts, outputs, strict=True)]

    def _encode_one(self, example: PromptedExample, prompt_ids: list[int], output_ids: list[int]) -> Encoded:
        tokenizer = self._tokenizer
        encoded = encode(
            prompt_ids, output_ids, bos=tokenizer.bos_token_id, eos=tokenizer.eos_token_id, max_tokens=self._max_tokens
        )
        if isinstance(encoded, PromptTooLong):
            raise ExampleError(f"example {example.id!r}: {encoded}")
        rows = self._model.get_input_embeddings().weight.shape[0]
        if max(encoded.ids) >= rows:
            raise BaseModelError(f"the tokenizer gives the id {max(encoded.ids)}, the model has only {rows} embeddings")
        return encoded

    def _batch_nll(self, batch: Sequence[Encoded]) -> list[list[float]]:
        """Give the NLL in nats of every scored position, a list for each row. Call it in inference mode."""
        ids = torch.full((len(batch), max(len(one.ids) for one in batch)), self._tokenizer.eos_token_id)  # (B, T)
        for row, one in enumerate(batch):
            ids[row, : len(one.ids)] = torch.tensor(one.ids)
        scored = torch.zeros_like(ids, dtype=torch.bool)  # (B, T)
        for row, one in enumerate(batch):
            scored[row, one.scored_from : len(one.ids)] = True
        rows, columns = scored.nonzero(as_tuple=True)  # (S,) each, row by row
        hidden = self._hidden(ids.to(self._device))[rows.to(self._device), columns.to(self._device) - 1]  # (S, H)
        nll = self._head_nll(hidden, ids[rows, columns].to(self._device)).tolist()
        ends = torch.tensor([one.scored for one in batch]).cumsum(0).tolist()
        return [nll[end - one.scored : end] for one, end in zip(batch, ends, strict=True)]

    def _hidden(self, ids: Tensor) -> Tensor:
        """Run the model without its head: ids (B, T) -> last hidden states (B, T, H)."""
        hidden: Tensor = self._model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        return hidden

    def _head_nll(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Run the head and a log-softmax in fp32 on (S, H), a chunk at a time -> NLL in nats (S,)."""
        head = self._model.get_output_embeddings()
        chunks = zip(hidden.split(HEAD_POSITIONS), targets.split(HEAD_POSITIONS), strict=True)
        losses = [cross_entropy(head(states).float(), target, reduction="none") for states, target in chunks]
        return torch.cat(losses).cpu()

    def _probe(self) -> None:
        """Refuse a model whose logits are more than its head on its last hidden states (scaled or capped logits)."""
        ids = torch.full((1, 2), self._tokenizer.eos_token_id, device=self._device)
        expected = self._model(input_ids=ids, use_cache=False).logits.float()
        seen = self._model.get_output_embeddings()(self._hidden(ids)).float()
        if not torch.allclose(expected, seen, rtol=1e-3, atol=1e-3):
            raise BaseModelError("the model changes its logits after the head, which the engine does not do")


def _be_quiet() -> None:
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _load(base_model: str, quantization: Quantization, device: torch.device, dtype: torch.dtype) -> tuple[Any, Any]:
    """Load tokenizer and model from a folder."""
    if not Path(base_model).is_dir():
        raise BaseModelError("the base model is not a folder")
    offline = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(base_model, **offline)
        model = AutoModelForCausalLM.from_pretrained(
            base_model,
            **offline,
            use_safetensors=True,
            dtype=dtype,
            device_map={"": device},
            quantization_config=_bitsandbytes(quantization),
        )
    except torch.OutOfMemoryError as error:
        raise BaseModelError("the GPU has too little free memory for the base model") from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BaseModelError(f"the base model cannot be loaded: {_first_line(error)}") from error
    return tokenizer, model.eval().requires_grad_(False)


def _bitsandbytes(quantization: Quantization) -> BitsAndBytesConfig | None:
    if not quantization.load_in_4bit:
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quantization.bnb_4bit_quant_type,
        bnb_4bit_use_double_quant=quantization.bnb_4bit_use_double_quant,
        bnb_4bit_compute_dtype=DTYPES[quantization.bnb_4bit_compute_dtype],
    )


@contextmanager
def _adapted(model: Any, folder: Path | None) -> Iterator[None]:
    """Put the adapter on for the time of the block; afterwards every module is the very one that was there before."""
    if folder is None:
        yield
        return
    before = dict(model.named_modules())
    try:
        _attach(model, folder)
        yield
    finally:
        _detach(model, before)


def _attach(model: Any, folder: Path) -> None:
    """Wrap the targeted layers with peft's and fill them from the file.

    The adapter computes in fp32, as `PeftModel.from_pretrained` does by default. Its tensors are made on the meta
    device and given memory afterwards, which saves peft's random start. They are not loaded by peft: that asks for the
    `state_dict` of the whole model, upon which bitsandbytes unpacks its CPU weights in place, and not to the same bits.
    """
    config = _lora_config(folder)
    tensors = {name.removeprefix(PREFIX): tensor for name, tensor in _tensors(folder).items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inject_adapter_in_model(config, model, adapter_name=SLOT, low_cpu_mem_usage=True)
    except torch.OutOfMemoryError:
        raise
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError, re.error) as error:
        raise AdapterError(f"the adapter does not fit the base model: {_first_line(error)}") from error
    made = {name: parameter for name, parameter in model.named_parameters() if parameter.is_meta}
    _check_tensors({name.replace(f".{SLOT}", ""): parameter.shape for name, parameter in made.items()}, tensors)
    for owner in sorted({name.rpartition(".")[0] for name in made}):
        model.get_submodule(owner).to_empty(device=model.device, recurse=False)
    with torch.no_grad():
        for name in made:
            model.get_parameter(name).copy_(tensors[name.replace(f".{SLOT}", "")])
    model.eval()


def _check_tensors(expected: Mapping[str, torch.Size], tensors: Mapping[str, Tensor]) -> None:
    """Hold the file's tensors against those that config and base model ask for: none missing, none left over."""
    missing, foreign = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    if missing:
        raise AdapterError(f"{len(missing)} tensors that the config asks for are missing, such as {min(missing)}")
    if foreign:
        raise AdapterError(f"{len(foreign)} tensors have no place in the model, such as {min(foreign)[:200]}")
    for name, shape in expected.items():
        if tensors[name].shape != shape:
            seen = list(tensors[name].shape)
            raise AdapterError(f"{name} has the shape {seen}, config and base model ask for {list(shape)}")


def _detach(model: Any, before: Mapping[str, Any]) -> None:
    for name, module in before.items():
        if name and model.get_submodule(name) is not module:
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, module)
    vars(model).pop("peft_config", None)


def _lora_config(folder: Path) -> LoraConfig:
    """Build the config from the whitelisted fields, never from the file as it is."""
    try:
        fields = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        if not isinstance(fields, dict) or fields.get("peft_type") != "LORA":
            raise AdapterError("adapter_config.json does not describe a LoRA adapter (peft_type LORA)")
        kept = {name: fields[name] for name in LORA_FIELDS if fields.get(name) is not None}
        return LoraConfig(**kept, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM", inference_mode=True)
    except (OSError, ValueError, TypeError) as error:
        raise AdapterError(f"adapter_config.json cannot be used: {_first_line(error)}") from error


def _tensors(folder: Path) -> dict[str, Tensor]:
    path = folder / "adapter_model.safetensors"
    if not path.is_file():
        raise AdapterError(f"{path.name} is missing")
    try:
        tensors: dict[str, Tensor] = load_file(path)
        return tensors
    except (OSError, SafetensorError, ValueError) as error:
        raise AdapterError(f"adapter_model.safetensors cannot be read: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    """Give the start of a library's message: it may run over many lines."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (" ".join(str(error).split()) or type(error).__name__)[:300]
