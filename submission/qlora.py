"""The QLoRA recipe: 4-bit base, LoRA on every linear layer, loss on the answer only, by TRL's SFTTrainer.

Rows go in as token ids and labels, so that TRL adds no special token of its own. Must not know about the command line.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, TrainerCallback, enable_full_determinism
from trl import SFTConfig, SFTTrainer

from adapter_files import save_adapter, zip_adapter
from base_model import load_base
from encoding import encode_rows
from files import InputError, put_in_place, scratch_folder, write_json
from progress import say

if TYPE_CHECKING:
    from train import Settings

LOG_LINES = 20
"""About how many progress lines a run prints."""


class Progress(TrainerCallback):
    """Prints one short line whenever the trainer logs."""

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **rest: Any) -> None:
        """Show step, epoch, loss and time."""
        shown = [f"{key} {value:.4g}" for key, value in (logs or {}).items() if key in {"loss", "eval_loss"}]
        if shown:
            elapsed_s = time.monotonic() - self._started_s
            step = f"step {state.global_step:>4}/{state.max_steps}"
            say(f"{step}  epoch {state.epoch:5.2f}  {'  '.join(shown)}  {elapsed_s:.0f} s")


def train(settings: Settings, rows: Sequence[Mapping[str, str]], *, eval_rows: Sequence[Mapping[str, str]]) -> None:
    """Train, and write adapter, zip and history under `settings.output_dir`, each whole or not at all.

    Raises:
        InputError: The base model cannot be loaded, or no row fits in `max_length`.
    """
    enable_full_determinism(settings.seed, warn_only=True)
    model, tokenizer = load_base(settings.base_model, keep_4bit=settings.keep_4bit)
    data = _dataset(tokenizer, rows, max_length=settings.max_length)
    eval_data = _dataset(tokenizer, eval_rows, max_length=settings.max_length) if eval_rows else None
    started_s = time.monotonic()
    with scratch_folder(settings.output_dir / "training") as scratch:
        trainer = _trainer(settings, model, tokenizer=tokenizer, data=data, eval_data=eval_data, scratch=scratch)
        trainer.add_callback(Progress(started_s))
        trainer.train()
        history = _history(settings, trainer, rows_used=len(data), train_s=time.monotonic() - started_s)
        _hand_over(trainer.model, settings, history=history, scratch=scratch)


def _dataset(tokenizer: Any, rows: Sequence[Mapping[str, str]], *, max_length: int) -> Dataset:
    examples, dropped = encode_rows(tokenizer, rows, max_length=max_length)
    if not examples:
        raise InputError(f"no row has an answer within --max_length {max_length} tokens; raise it")
    if dropped:
        say(f"left out {dropped} of {len(rows)} rows: the prompt alone fills --max_length {max_length}")
    return Dataset.from_list([dict(example) for example in examples])


def linear_layers(model: Any) -> list[str]:
    """Name the linear layers, all but the head: `q_proj`, `up_proj`, ... (PEFT's "all-linear" may write full paths)."""
    head = model.get_output_embeddings()
    linear = (name for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear) and layer is not head)
    return sorted({name.rsplit(".", 1)[-1] for name in linear})


def _trainer(
    settings: Settings, model: Any, *, tokenizer: Any, data: Dataset, eval_data: Dataset | None, scratch: Path
) -> SFTTrainer:
    lora = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=linear_layers(model),
        task_type="CAUSAL_LM",
    )
    arguments = _arguments(settings, steps=_count_steps(settings, rows=len(data)), scratch=scratch)
    arguments.eval_strategy = "epoch" if eval_data is not None else "no"
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=data,
        eval_dataset=eval_data,
        processing_class=tokenizer,
        peft_config=lora,
    )
    trainer.remove_callback(PrinterCallback)
    # TRL turns the adapter of a 4-bit base into bf16, whose 8 bits swallow the small updates at the end of the cosine.
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer


def _arguments(settings: Settings, *, steps: int, scratch: Path) -> SFTConfig:
    on_gpu = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(scratch / "trainer"),
        num_train_epochs=settings.num_epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=int(settings.warmup_ratio * steps),
        gradient_checkpointing=settings.gradient_checkpointing,
        train_sampling_strategy="group_by_length",
        max_length=settings.max_length,
        dataset_kwargs={"skip_prepare_dataset": True},
        logging_steps=max(1, steps // LOG_LINES),
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=on_gpu,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        seed=settings.seed,
        data_seed=settings.seed,
    )


def _count_steps(settings: Settings, *, rows: int) -> int:
    rows_per_step = settings.batch_size * settings.gradient_accumulation_steps
    return max(1, int(settings.num_epochs * -(-rows // rows_per_step)))


def _history(settings: Settings, trainer: SFTTrainer, *, rows_used: int, train_s: float) -> dict[str, Any]:
    parameters = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    return {
        "settings": {key: str(value) if isinstance(value, Path) else value for key, value in asdict(settings).items()},
        "rows_used": rows_used,
        "trainable_parameters": parameters,
        "train_s": round(train_s, 3),
        "log": trainer.state.log_history,
    }


def _hand_over(model: Any, settings: Settings, *, history: dict[str, Any], scratch: Path) -> None:
    folder = save_adapter(model, scratch / "adapter_checkpoint", base_model=settings.base_model)
    archive = zip_adapter(folder, scratch / "adapter_checkpoint.zip")
    size_mb = (folder / "adapter_model.safetensors").stat().st_size / 1e6
    put_in_place(folder, settings.output_dir / folder.name)
    put_in_place(archive, settings.output_dir / archive.name)
    write_json(settings.output_dir / "training_history.json", history)
    say(f"{history['trainable_parameters']:,} parameters trained in {history['train_s']:.1f} s")
    say(f"wrote {settings.output_dir / folder.name} ({size_mb:.1f} MB in bf16) and {archive.name} beside it")
