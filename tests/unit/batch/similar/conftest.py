"""Run folders as the grader leaves them, and the hand-ins that they were made of."""

import json
import shutil
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.files import sha256_file
from harness.intake.layout import tree_sha256
from harness.model.result import Record
from harness.schema.record import record_text
from harness.similarity.lowrank import Factors
from harness.stages.sketch import keep_sketch

SHAPES = {"q_proj": (96, 64), "down_proj": (64, 160)}
LAYERS = 4


def make(seed: int, rank: int = 4) -> dict[str, Factors]:
    """Draw an adapter."""
    draw = np.random.Generator(np.random.PCG64(seed))
    return {
        f"model.layers.{layer}.{name}": Factors(
            a=draw.standard_normal((rank, size[1])).astype(np.float32),
            b=draw.standard_normal((size[0], rank)).astype(np.float32),
        )
        for layer in range(LAYERS)
        for name, size in SHAPES.items()
    }


def write_adapter(
    folder: Path, adapter: Mapping[str, Factors], *, alpha: float | None = None, bf16: bool = False
) -> Path:
    """Write it as peft does."""
    folder.mkdir(parents=True, exist_ok=True)
    header: dict[str, object] = {}
    parts: list[bytes] = []
    at = 0
    for name, one in adapter.items():
        for side, values in (("A", one.a), ("B", one.b)):
            bits = np.ascontiguousarray(values, np.float32)
            data = (bits.view(np.uint32) >> 16).astype("<u2").tobytes() if bf16 else bits.tobytes()
            key = f"base_model.model.{name}.lora_{side}.weight"
            header[key] = {
                "dtype": "BF16" if bf16 else "F32",
                "shape": values.shape,
                "data_offsets": [at, at + len(data)],
            }
            at += len(data)
            parts.append(data)
    text = json.dumps(header).encode()
    rank = next(iter(adapter.values())).a.shape[0]
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "lora_alpha": alpha or rank}))
    return folder


AddOne = Callable[..., Path]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Where the weights of all students lie, by id."""
    return tmp_path / "weights"


@pytest.fixture
def hand_ins(tmp_path: Path) -> Path:
    return tmp_path / "handed-in"


@pytest.fixture
def add(tmp_path: Path, weights: Path, hand_ins: Path, record: Record) -> AddOne:
    """Add a graded submission to a run: adapter, code, predictions, each left out where it is None."""

    def add_one(
        student: str,
        *,
        run: str = "run",
        adapter: Mapping[str, Factors] | None = None,
        code: str | None = None,
        outputs: Mapping[str, str] | None = None,
        bf16: bool = False,
    ) -> Path:
        kept = tmp_path / run / "submissions" / student
        (kept / "evidence").mkdir(parents=True)
        sha256 = tree = None
        if adapter is not None:
            folder = write_adapter(weights / run / student, adapter, bf16=bf16)
            sha256 = sha256_file(folder / "adapter_model.safetensors")
            keep_sketch(folder, kept / "evidence" / "adapter_sketch.json", sha256=sha256)
        if code is not None:
            folder = hand_ins / student
            folder.mkdir(parents=True)
            (folder / "predict.py").write_text(code, encoding="utf-8")
            (folder / "run.sh").write_text("#!/bin/bash\npython3 predict.py\n")
            tree = tree_sha256(folder)
            shutil.make_archive(str(folder), "zip", hand_ins, student)
            shutil.rmtree(folder)
        if outputs is not None:
            rows = [{"id": key, "output": value} for key, value in outputs.items()]
            (kept / "predictions.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        submission = replace(
            record.submission, id=student, source=f"{student}.zip", adapter_sha256=sha256, tree_sha256=tree
        )
        (kept / "record.json").write_text(record_text(replace(record, submission=submission)), encoding="utf-8")
        return kept

    return add_one
