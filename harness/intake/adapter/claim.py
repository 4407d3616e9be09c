"""Reads which base model an adapter says it is for. Judges nothing: that is the gate's."""

from pathlib import Path

from harness.intake.adapter.config import CONFIG, MAX_CONFIG_BYTES, model_name
from harness.intake.adapter.strict_json import parse_strict
from harness.intake.plain import NotPlainFile, read_plain


def claimed_base(folder: Path) -> str | None:
    """Give the last part of `base_model_name_or_path` in an adapter's config; None where none can be read."""
    try:
        raw = parse_strict(read_plain(folder / CONFIG, most_bytes=MAX_CONFIG_BYTES))
    except (NotPlainFile, OSError, ValueError, RecursionError):
        return None
    name = raw.get("base_model_name_or_path") if isinstance(raw, dict) else None
    return model_name(name) if isinstance(name, str) else None
