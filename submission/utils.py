"""The two functions that the grader calls: the prompt template and the quantisation of the base model.

The grader loads this file alone, from its path, so it imports nothing of its neighbours, and transformers only
inside the function that needs it. It must not know how training, prediction or grading work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig

TEMPLATE = "你精通文言文與白話文。請照題目改寫，只寫出改寫後的句子。\n題目：{instruction}\n答："


def get_prompt(instruction: str) -> str:
    """Wrap one instruction in the template that the adapter was trained with.

    Args:
        instruction: What the user asks, as it stands in the data file.

    Returns:
        The text that comes right before the answer, with no special tokens in it.
    """
    return TEMPLATE.replace("{instruction}", instruction.strip())


def get_bnb_config() -> BitsAndBytesConfig:
    """Say how the base model is quantised: NF4, double quantisation, bf16 arithmetic (the QLoRA recipe)."""
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
