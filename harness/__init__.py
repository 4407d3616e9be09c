"""Grader for fine-tuning homework: runs a submission in a container, scores its LoRA adapter, hands back evidence."""

__version__ = "0.1.0"
