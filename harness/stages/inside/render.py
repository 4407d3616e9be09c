"""Calls the student's get_prompt and get_bnb_config inside the container and writes what they return as JSON.

Runs as ``python3 render.py UTILS INPUT OUTPUT``. Knows nothing of references; student code shares its process, so
nothing it writes is trusted: the host checks every field.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path


def load(path: Path) -> types.ModuleType:
    """Import the student's file by its path: `code` is also a standard-library module, so never by name."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("student_utils", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def plain(config: object) -> dict[str, object]:
    """Turn a BitsAndBytesConfig (or a dictionary) into JSON values."""
    items = config if isinstance(config, dict) else config.to_dict()  # type: ignore[attr-defined]
    return {
        str(key): value if isinstance(value, bool | int | str | None) else str(value) for key, value in items.items()
    }


def main(utils: str, input_file: str, output_file: str) -> None:
    """Render every row of the input."""
    rows = json.loads(Path(input_file).read_text(encoding="utf-8"))
    student = load(Path(utils))
    prompts = [{"id": row["id"], "prompt": student.get_prompt(row["instruction"])} for row in rows]
    rendered = {"prompts": prompts, "bnb_config": plain(student.get_bnb_config())}
    Path(output_file).write_text(json.dumps(rendered, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
