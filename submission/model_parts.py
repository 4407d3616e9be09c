"""Looks into a model that may have PEFT around it or texts as one part of it. Must not import torch."""

from __future__ import annotations

from typing import Any


def inner_model(model: Any) -> Any:
    """Give the model of transformers, without PEFT around it; PEFT's layers stay in it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def text_config(config: Any) -> Any:
    """Give the configuration of the part that reads and writes text; in most models that is all of it."""
    return config.get_text_config() if hasattr(config, "get_text_config") else config
