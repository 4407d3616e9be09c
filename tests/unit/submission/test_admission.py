"""pack.py refuses whatever the grader's gate refuses, and takes what it takes; the limits are the assignment's."""

import json
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import limits
import pack
import pytest
import yaml
from adapter.admission import find_refusals
from fetching.sources import FetchError
from files import InputError
from loopback import ROOT

from harness.intake.adapter.base import read_base_shapes
from harness.intake.adapter.gate import check_adapter
from harness.model.assignment import AdapterRules
from tests.hostile import adapters as hostile
from tests.hostile.case import Case, cases_of
from tests.hostile.parts import good_submission

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
BASE = {"self_attn.q_proj": (16, 8), "mlp.up_proj": (24, 8), "mlp.down_proj": (8, 24)}
LAYERS, RANK = 2, 4
RULES = AdapterRules(
    path="adapter_checkpoint",
    max_bytes=limits.MAX_BYTES,
    max_rank=limits.MAX_RANK,
    target_modules=limits.TARGET_MODULES,
)
Tensors = dict[str, tuple[str, tuple[int, ...], bytes]]


def write_safetensors(path: Path, tensors: Tensors) -> None:
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        places = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": places}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def bf16(*shape: int) -> tuple[str, tuple[int, ...], bytes]:
    count = 1
    for size in shape:
        count *= size
    return "BF16", shape, b"\x80\x3c" * count  # 0.0156


def lora(targets: tuple[str, ...], *, rank: int = RANK) -> Tensors:
    tensors: Tensors = {}
    for layer in range(LAYERS):
        for module, (out_features, in_features) in BASE.items():
            if module.endswith(targets):
                name = f"base_model.model.model.layers.{layer}.{module}.lora_"
                tensors |= {f"{name}A.weight": bf16(rank, in_features), f"{name}B.weight": bf16(out_features, rank)}
    return tensors


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "Qwen3-tiny"
    folder.mkdir()
    weights = {f"model.layers.{n}.{name}.weight": bf16(*shape) for n in range(LAYERS) for name, shape in BASE.items()}
    write_safetensors(folder / "model.safetensors", weights | {"model.embed_tokens.weight": bf16(32, 8)})
    return folder


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "good" / "adapter_checkpoint"
    folder.mkdir(parents=True)
    write_safetensors(folder / WEIGHTS, lora(("q_proj", "up_proj")))
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": 8, "lora_dropout": 0.1}
    config |= {"base_model_name_or_path": "Qwen/Qwen3-4B", "target_modules": ["up_proj", "q_proj"], "bias": "none"}
    config |= {"base_model_name_or_path": "models/Qwen3-tiny", "modules_to_save": None, "loftq_config": {}}
    (folder / CONFIG).write_text(json.dumps(config))
    return folder


def gate_refuses(folder: Path, base: Path) -> bool:
    return bool(check_adapter(folder, rules=RULES, base=read_base_shapes(base), base_name=base.name).findings)


def zipped(folder: Path, archive: Path) -> Path:
    """Zip a folder as `zip -y` would: links stay links, what is no file stays out."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")) if not folder.is_symlink() else [folder]:
            entry = zipfile.ZipInfo(f"adapter_checkpoint/{path.relative_to(folder)}")
            entry.external_attr = path.lstat().st_mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            if path.is_symlink():
                file.writestr(entry, str(path.readlink()))
            elif stat.S_ISREG(path.lstat().st_mode):
                file.writestr(entry, path.read_bytes())
    return archive


def test_a_good_adapter_is_taken_by_both(adapter: Path, base: Path, tmp_path: Path) -> None:
    assert not gate_refuses(adapter, base)
    assert find_refusals(adapter, base_model=base) == find_refusals(adapter) == []
    assert pack.check_adapter(zipped(adapter, tmp_path / "a.zip"), base_model=base)


@pytest.mark.parametrize("broken", cases_of(hostile), ids=lambda case: case.name)
def test_whatever_the_gate_refuses_is_not_packed(broken: Case, adapter: Path, base: Path, tmp_path: Path) -> None:
    submission = tmp_path / "r13921031"
    good_submission(submission, adapter)
    broken.change(submission)
    subprocess.run(["bash", "download.sh"], cwd=submission, check=True, capture_output=True)
    folder = submission / "adapter_checkpoint"
    if broken.name in {"adapter_above_the_size_limit", "weights_that_are_a_hole"}:
        # The suite's limit is 2 MB; here the file is as much larger than the course's.
        with (folder / WEIGHTS).open("r+b") as file:
            file.truncate(limits.MAX_BYTES + 1)
    assert gate_refuses(folder, base)
    archive = zipped(folder, tmp_path / "adapter_checkpoint.zip")
    for base_model in (base, None):
        with pytest.raises((InputError, FetchError)) as refused:
            pack.check_adapter(archive, base_model=base_model)
        words = str(refused.value)
        assert "the grader would refuse the adapter" in words or words.endswith(GIVE_ANOTHER)
    shutil.rmtree(submission)


GIVE_ANOTHER = "; give the adapter_checkpoint.zip that train.py wrote"
CHANGES: list[tuple[dict[str, object], bool]] = [
    ({"init_lora_weights": "gaussian"}, False),
    ({"use_rslora": True}, False),
    ({"layers_to_transform": []}, False),
    ({"auto_mapping": {"base_model_class": "Qwen3ForCausalLM", "parent_library": "transformers.models.qwen3"}}, False),
    ({"peft_version": "9", "runtime_config": {"ephemeral_gpu_offload": True}, "megatron_core": "megatron.core"}, False),
    ({"target_modules": "all-linear"}, False),
    ({"base_model_name_or_path": "C:\\models\\qwen3-TINY\\"}, False),
    ({"base_model_name_or_path": "/root/.cache/hub/models--Qwen--Qwen3-tiny/snapshots/0abc"}, False),
    ({"base_model_name_or_path": "models--Qwen3-tiny/snapshots/0abc"}, False),
    ({"base_model_name_or_path": "models--Qwen--gpt2/snapshots/Qwen3-tiny"}, True),
    ({"rank_pattern": {"q_proj": RANK, "q_pro.": 8}}, False),
    ({"rank_pattern": {"^model.layers.0.self_attn.q_proj": RANK, "self_attn": 2}}, False),
    ({"layers_to_transform": [0, 1]}, False),
    ({"layers_to_transform": [0, 1], "layers_pattern": "layers"}, False),
    ({"layers_to_transform": [0, 1], "layers_pattern": "self_attn"}, True),
    ({"layers_to_transform": 0}, True),
    ({"rank_pattern": {"q_proj": 8}}, True),
    ({"rank_pattern": {"^model.layers.1.self_attn.q_proj": 2}}, True),
    *(({"auto_mapping": mapping}, True) for mapping in (False, 0, "", [])),
    ({"lora_alpha": 0}, True),
    ({"lora_alpha": True}, True),
    ({"lora_alpha": 1e9}, True),
    ({"r": 2}, True),
    ({"r": "4"}, True),
    ({"rank_pattern": {"q_proj": 900}}, True),
    ({"rank_pattern": ["q_proj"]}, True),
    ({"alpha_pattern": {".*": 1}}, True),
    ({"alpha_pattern": {"q_proj": -1}}, True),
    ({"target_modules": []}, True),
    ({"target_modules": ["q_proj"]}, True),
    ({"target_modules": ["q_proj", "up_proj", "down_proj"]}, True),
    ({"target_modules": ["q_proj", "up_proj", "lm_head"]}, True),
    ({"target_modules": ["^q_proj", "up_proj"]}, True),
    ({"target_modules": None}, True),
    ({"layers_to_transform": [0]}, True),
    ({"layers_to_transform": "0"}, True),
    ({"layers_pattern": "(a+)+"}, True),
    ({"exclude_modules": [3]}, True),
    ({"task_type": "SEQ_CLS"}, True),
    ({"bias": "all"}, True),
    ({"use_dora": True}, True),
    ({"use_rslora": "yes"}, True),
    ({"init_lora_weights": 1}, True),
    ({"megatron_core": "os"}, True),
    ({"trainable_token_indices": [1]}, True),
    ({"base_model_name_or_path": None}, True),
    ({"base_model_name_or_path": "gpt2"}, True),
]


@pytest.mark.parametrize(("change", "refused"), CHANGES, ids=lambda value: str(value))
def test_configs_are_judged_as_by_the_gate(
    change: dict[str, object], refused: bool, adapter: Path, base: Path, tmp_path: Path
) -> None:
    (adapter / CONFIG).write_text(json.dumps(json.loads((adapter / CONFIG).read_text()) | change))
    assert gate_refuses(adapter, base) == refused
    assert bool(find_refusals(adapter, base_model=base)) == refused


def _swap(name: str, **changes: object) -> Callable[[Tensors], Tensors]:
    def change(tensors: Tensors) -> Tensors:
        dtype, shape, content = tensors[name]
        return tensors | {name: (str(changes.get("dtype", dtype)), shape, bytes(changes.get("content", content)))}  # type: ignore[call-overload]

    return change


FIRST = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
SPOILED: dict[str, Callable[[Tensors], Tensors]] = {
    "only one side": lambda tensors: {name: one for name, one in tensors.items() if name != FIRST},
    "a layer less": lambda tensors: {name: one for name, one in tensors.items() if ".0.self" not in name},
    "whole numbers": _swap(FIRST, dtype="I16"),
    "infinite": _swap(FIRST, content=b"\x80\xff" + b"\x00" * 62),
    "not a number, last": _swap(FIRST, content=b"\x00" * 62 + b"\xc0\x7f"),
    "of another rank": lambda tensors: tensors | lora(("q_proj",), rank=2),
    "of no layer": lambda tensors: tensors | {"base_model.model.x.q_proj.lora_A.weight": bf16(4, 8)},
    "of the head": lambda tensors: tensors | {"base_model.model.lm_head.weight": bf16(2, 2)},
    "wide": lambda tensors: tensors | {FIRST: bf16(4, 9)},
    "flat": lambda tensors: tensors | {FIRST: bf16(32)},
    "none": lambda tensors: {},
}


@pytest.mark.parametrize("name", SPOILED)
def test_tensors_are_judged_as_by_the_gate(name: str, adapter: Path, base: Path) -> None:
    write_safetensors(adapter / WEIGHTS, SPOILED[name](lora(("q_proj", "up_proj"))))
    assert gate_refuses(adapter, base)
    assert find_refusals(adapter)
    assert find_refusals(adapter, base_model=base)


PARTS: list[tuple[dict[str, object], str, bool]] = [
    ({"layers_to_transform": 0}, ".1.", False),
    ({"layers_to_transform": [1]}, ".0.", False),
    ({"layers_to_transform": [0, 1]}, ".1.self_attn", True),
    ({"target_modules": "all-linear"}, ".1.self_attn", True),
    ({"exclude_modules": ["layers.1"]}, ".1.self_attn", False),
]


@pytest.mark.parametrize(("change", "left_out", "refused"), PARTS, ids=lambda value: str(value))
def test_parts_of_the_layers_are_judged_as_by_the_gate(
    change: dict[str, object], left_out: str, refused: bool, adapter: Path, base: Path
) -> None:
    (adapter / CONFIG).write_text(json.dumps(json.loads((adapter / CONFIG).read_text()) | change))
    tensors = {name: one for name, one in lora(("q_proj", "up_proj")).items() if left_out not in name}
    write_safetensors(adapter / WEIGHTS, tensors)
    assert gate_refuses(adapter, base) == refused
    assert [bool(find_refusals(adapter, base_model=one)) for one in (base, None)] == [refused] * 2


def test_rank_by_a_pattern_of_names_is_held_against_the_weights(adapter: Path, base: Path) -> None:
    config = json.loads((adapter / CONFIG).read_text()) | {"rank_pattern": {"q_proj": 2}}
    (adapter / CONFIG).write_text(json.dumps(config))
    (words,) = find_refusals(adapter)
    assert words.endswith("layers.1.self_attn.q_proj is of another rank than rank_pattern = 2 in adapter_config.json")
    write_safetensors(adapter / WEIGHTS, lora(("q_proj", "up_proj")) | lora(("q_proj",), rank=2))
    assert not gate_refuses(adapter, base)
    assert find_refusals(adapter, base_model=base) == []


def test_everything_that_is_wrong_is_named(adapter: Path) -> None:
    (adapter / CONFIG).write_text(json.dumps(json.loads((adapter / CONFIG).read_text()) | {"r": 65, "bias": "all"}))
    write_safetensors(adapter / WEIGHTS, _swap(FIRST, content=b"\x80\x7f" * 32)(lora(("q_proj", "up_proj"))))
    assert find_refusals(adapter) == [
        "adapter_config.json: r is 65; it must be a whole number from 1 to 64",
        "adapter_config.json: bias is 'all'; it must be one of None, none",
        "adapter_model.safetensors: model.layers.0.mlp.up_proj, model.layers.0.self_attn.q_proj, "
        "model.layers.1.mlp.up_proj and 1 more is of another rank than r = 65 in adapter_config.json",
        f"adapter_model.safetensors: 32 values are NaN, infinite or nearly so, in {FIRST}; lower the rate",
    ]


def test_limits_are_the_assignments() -> None:
    rules = yaml.safe_load((ROOT / "assignments" / "classical-chinese" / "assignment.yaml").read_text(encoding="utf-8"))
    assert list(limits.BASE_MODELS) == [one["name"] for one in rules["base_models"]]
    adapter = rules["adapter"]
    assert list(limits.TARGET_MODULES) == adapter["target_modules"]
    assert (adapter["max_rank"], adapter["max_bytes"]) == (limits.MAX_RANK, limits.MAX_BYTES)
    hand_in = rules["submission"]
    assert hand_in["student_id"] == limits.STUDENT_ID
    assert hand_in["ignored"] == list(limits.IGNORED)
    assert (hand_in["max_files"], hand_in["max_bytes"]) == (limits.MAX_FILES, limits.MAX_HAND_IN_BYTES)


def test_a_base_that_cannot_be_compared_is_said(adapter: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (words,) = find_refusals(adapter, base_model=empty)
    assert words == f"{WEIGHTS}: cannot compare with {empty}: there is no *.safetensors in it"
    (empty / "model.safetensors").write_bytes(b"hello")
    (words,) = find_refusals(adapter, base_model=empty)
    assert f"cannot compare with {empty / 'model.safetensors'}: its header claims" in words
