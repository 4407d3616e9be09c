"""Perplexity of LoRA adapters on a base model, and text metrics of predictions. Nothing here knows a student.

Torch is imported by `engine` alone, sacrebleu by `texts`.
"""
