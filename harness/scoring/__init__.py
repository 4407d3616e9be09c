"""Perplexity of LoRA adapters on a base model. Torch is imported by `engine` alone; nothing here knows a student."""
