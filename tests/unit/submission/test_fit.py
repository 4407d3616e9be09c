"""Whether an adapter is of a base's sizes is told by headers, and never where they do not say it."""

import json
from pathlib import Path

import evaluate
import predict
import pytest
from adapter.fit import in_a_line, refuse_other_base
from files import InputError
from loopback import write_adapter

LAYER = "model.layers.0.self_attn.q_proj"
WIDTH = 50_000 // 32


def header(shapes: dict[str, tuple[str, list[int], int]]) -> bytes:
    entries, position = {}, 0
    for name, (dtype, shape, size_bytes) in shapes.items():
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + size_bytes]}
        position += size_bytes
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + bytes(position)


def base_of(folder: Path, *, shape: list[int], dtype: str = "BF16", size: int = 2, name: str = LAYER) -> str:
    base = folder / "base"
    base.mkdir()
    size_bytes = size * shape[0] * shape[1]
    (base / "model.safetensors").write_bytes(header({f"{name}.weight": (dtype, shape, size_bytes)}))
    return str(base)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """Give an adapter of one layer, WIDTH x WIDTH."""
    return write_adapter(tmp_path / "adapter")


@pytest.mark.parametrize("shape", [[64, WIDTH], [WIDTH, 64]])
def test_other_sizes_are_named_before_anything_is_loaded(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: list[int]
) -> None:
    base = base_of(tmp_path, shape=shape)
    rows = [{"id": "a", "instruction": "q", "output": "a"}]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    message = (
        f"the adapter in {adapter} does not fit the base model {base}: {LAYER} is {WIDTH} x {WIDTH} in the adapter, "
        f"{shape[0]} x {shape[1]} in the base; it was trained on Qwen3-tiny: take the base and the adapter of one "
        "training run\n"
    )
    assert predict.main([base, str(adapter), str(tmp_path / "rows.json"), str(tmp_path / "out.json")]) == 2
    assert capsys.readouterr().err == f"predict.py: {message}"
    places = [
        "--adapter",
        str(adapter),
        "--eval_file",
        str(tmp_path / "rows.json"),
        "--output_dir",
        str(tmp_path / "e"),
    ]
    assert evaluate.main(["--base_model", base, *places]) == 2
    assert capsys.readouterr().err == f"evaluate.py: {message}"


@pytest.mark.parametrize(
    "base",
    [
        {"shape": [WIDTH, WIDTH]},
        {"shape": [8, 8], "name": "another.layer"},
        {"shape": [8, 1], "dtype": "U8", "size": 1},
    ],
)
def test_what_headers_do_not_tell_is_left_to_be_loaded(adapter: Path, tmp_path: Path, base: dict[str, object]) -> None:
    folder = base_of(tmp_path, **base)  # type: ignore[arg-type]
    refuse_other_base(folder, adapter)
    (Path(folder) / "model.safetensors").write_bytes(b"broken")
    for unknown in (folder, str(tmp_path / "nowhere"), "Qwen/Qwen3-4B"):
        refuse_other_base(unknown, adapter)


def test_a_transposed_layer_is_no_other(tmp_path: Path) -> None:
    write_adapter(tmp_path)
    sides = {"A": ("F32", [4, 6], 96), "B": ("F32", [10, 4], 160)}
    names = {f"base_model.model.{LAYER}.lora_{side}.weight": one for side, one in sides.items()}
    (tmp_path / "adapter_model.safetensors").write_bytes(header(names))
    refuse_other_base(base_of(tmp_path, shape=[6, 10]), tmp_path)
    with pytest.raises(InputError, match="is 10 x 6 in the adapter, 6 x 11 in the base"):
        (tmp_path / "other").mkdir()
        refuse_other_base(base_of(tmp_path / "other", shape=[6, 11]), tmp_path)


def test_a_long_error_becomes_a_line() -> None:
    assert in_a_line(ValueError("Target  modules\nnot found")) == "Target modules not found"
    assert in_a_line(ValueError("x" * 999)) == "x" * 300 + " …"
