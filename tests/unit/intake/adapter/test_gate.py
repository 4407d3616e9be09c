"""The gate: each way in which an adapter can be wrong ends in its own finding, and what passes is plain LoRA."""

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EnvironmentFault
from harness.intake.adapter.base import BaseShapes
from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.gate import WEIGHTS, AdapterVerdict, admit_copy, check_adapter
from harness.intake.adapter.safetensors import read_header
from harness.model.assignment import AdapterRules

WriteWeights = Callable[[Path, Mapping[str, tuple[str, list[int]]]], Path]
Tensors = dict[str, tuple[str, list[int]]]

RULES = AdapterRules(path="adapter_checkpoint", max_bytes=20_000, max_rank=8, target_modules=("q_proj", "up_proj"))
LARGE = AdapterRules(path="adapter_checkpoint", max_bytes=100_000_000, max_rank=8, target_modules=("q_proj", "up_proj"))
LAYER = {"self_attn.q_proj": (16, 8), "mlp.up_proj": (24, 8), "mlp.down_proj": (8, 24)}
BASE = BaseShapes(
    modules={f"model.layers.{n}.{module}": shape for n in (0, 1) for module, shape in LAYER.items()}
    | {"lm_head": (64, 8)}
)
RANK = 4


def tensor_name(module: str, side: str) -> str:
    return f"base_model.model.{module}.lora_{side}.weight"


def tensors(*, rank: int = RANK, dtype: str = "BF16", targets: tuple[str, ...] = ("q_proj", "up_proj")) -> Tensors:
    made: Tensors = {}
    for module, (out_features, in_features) in BASE.modules.items():
        if module.endswith(targets):
            made[tensor_name(module, "A")] = (dtype, [rank, in_features])
            made[tensor_name(module, "B")] = (dtype, [out_features, rank])
    return made


def config(**changes: object) -> dict[str, Any]:
    """The config that peft 0.21 writes, with changes."""
    return {
        "alora_invocation_tokens": None,
        "alpha_pattern": {},
        "auto_mapping": None,
        "base_model_name_or_path": "/data/models/Tiny-Base/",
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "layers_to_transform": None,
        "loftq_config": {},
        "lora_alpha": 8,
        "lora_dropout": 0.1,
        "megatron_core": "megatron.core",
        "modules_to_save": None,
        "peft_type": "LORA",
        "qalora_group_size": 16,
        "r": RANK,
        "rank_pattern": {},
        "target_modules": ["up_proj", "q_proj"],
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
        **changes,
    }


@pytest.fixture
def folder(tmp_path: Path, write_weights: WriteWeights) -> Path:
    """A folder with a good adapter."""
    path = tmp_path / "adapter_checkpoint"
    path.mkdir()
    write_weights(path / WEIGHTS, tensors())
    (path / CONFIG).write_text(json.dumps(config()))
    (path / "README.md").write_text("# adapter")
    return path


def check(
    folder: Path, *, rules: AdapterRules = RULES, base: BaseShapes = BASE, base_name: str = "tiny-base"
) -> AdapterVerdict:
    verdict = check_adapter(folder, rules=rules, base=base, base_name=base_name)
    assert (verdict.config is None) == bool(verdict.findings)
    assert all(str(folder) not in one.seen for one in verdict.findings)
    return verdict


def one(folder: Path, code: str) -> tuple[str, str]:
    """Check that there is one finding and give what was seen and the limit."""
    (finding,) = check(folder).findings
    assert finding.code == code
    assert finding.fix
    return finding.seen, finding.limit


def with_config(folder: Path, **changes: object) -> Path:
    (folder / CONFIG).write_text(json.dumps(config(**changes)))
    return folder


def with_data(folder: Path, name: str, data: bytes) -> Path:
    tensor = read_header(folder / WEIGHTS).tensors[name]
    with (folder / WEIGHTS).open("r+b") as file:
        file.seek(tensor.begin)
        file.write(data)
    return folder


def test_good_adapter_is_admitted_with_a_config_of_known_fields_alone(folder: Path) -> None:
    verdict = check(folder)
    assert verdict.findings == ()
    assert verdict.sha256 == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    assert verdict.config == {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "tiny-base",
        "inference_mode": True,
        "r": 4,
        "lora_alpha": 8,
        "lora_dropout": 0.0,
        "target_modules": ["q_proj", "up_proj"],
        "layers_to_transform": None,
        "rank_pattern": {},
        "alpha_pattern": {},
        "use_rslora": False,
        "use_dora": False,
        "bias": "none",
        "fan_in_fan_out": False,
        "modules_to_save": None,
        "init_lora_weights": True,
        "auto_mapping": None,
        "revision": None,
    }


# Files.


def test_files_that_are_nowhere_are_one_finding(tmp_path: Path) -> None:
    (found,) = check(tmp_path / "absent").findings
    assert (found.code, found.seen) == (
        "ADM001",
        "no `adapter_config.json` and no `adapter_model.safetensors` in `adapter_checkpoint`",
    )
    assert "save_pretrained" in found.fix
    assert str(found.where) == "adapter_checkpoint"


def test_both_files_in_a_folder_inside_are_one_finding_with_the_command(folder: Path) -> None:
    inner = folder / "adapter_checkpoint"
    inner.mkdir()
    for name in (CONFIG, WEIGHTS):
        (folder / name).rename(inner / name)
    (found,) = check(folder).findings
    assert found.seen == (
        "no `adapter_config.json` and no `adapter_model.safetensors` in `adapter_checkpoint`; they lie in "
        "`adapter_checkpoint/adapter_checkpoint/adapter_config.json`, "
        "`adapter_checkpoint/adapter_checkpoint/adapter_model.safetensors`"
    )
    command = found.fix.removeprefix("End download.sh with: `").removesuffix("`")
    assert command == (
        "mv adapter_checkpoint/adapter_checkpoint/adapter_config.json "
        "adapter_checkpoint/adapter_checkpoint/adapter_model.safetensors adapter_checkpoint/"
    )


def test_files_in_different_places_are_one_finding_each(folder: Path) -> None:
    for name, place in ((CONFIG, "a"), (WEIGHTS, "it's")):
        (folder / place).mkdir()
        (folder / name).rename(folder / place / name)
    assert [found.fix for found in check(folder).findings] == [
        "End download.sh with: `mv adapter_checkpoint/a/adapter_config.json adapter_checkpoint/`",
        "End download.sh with: `mv 'adapter_checkpoint/it'\"'\"'s/adapter_model.safetensors' adapter_checkpoint/`",
    ]


def test_file_in_a_folder_inside_is_pointed_at(folder: Path) -> None:
    (folder / "checkpoint-9").mkdir()
    (folder / CONFIG).rename(folder / "checkpoint-9" / CONFIG)
    seen, _ = one(folder, "ADM001")
    assert seen == (
        "no `adapter_config.json` in `adapter_checkpoint`; it lies in "
        "`adapter_checkpoint/checkpoint-9/adapter_config.json`"
    )


def test_pickle_instead_of_safetensors(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")
    (finding,) = check(folder).findings
    assert (finding.code, finding.seen) == ("ADM002", "`adapter_model.bin` is there instead")
    assert finding.limit == "`adapter_model.safetensors`: a pickle can run code when it is opened"
    assert finding.fix == (
        "Convert it where it was trained: `from peft import AutoPeftModelForCausalLM as M; "
        'M.from_pretrained("adapter_checkpoint").save_pretrained("adapter_checkpoint")`.'
    )


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, "README.md", "inner/link"])
def test_links_are_refused_and_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("canary")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "secret")
    seen, _ = one(folder, "FET005")
    assert seen == f"in `adapter_checkpoint`: `{name}`"


def test_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert one(tmp_path / "link", "FET005")[0] == "in `adapter_checkpoint`: `link`"


def test_pipe_is_as_good_as_missing(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    one(folder, "ADM001")


def test_fp32_that_would_fit_in_bf16_is_told_so(tmp_path: Path, folder: Path, write_weights: WriteWeights) -> None:
    # Rank 16 on all linear layers of Qwen3-4B.
    shapes = {"q_proj": (4096, 2560), "k_proj": (1024, 2560), "v_proj": (1024, 2560), "o_proj": (2560, 4096)}
    shapes |= {"gate_proj": (9728, 2560), "up_proj": (9728, 2560), "down_proj": (2560, 9728)}
    base = BaseShapes(
        modules={f"model.layers.{n}.m.{name}": shape for n in range(36) for name, shape in shapes.items()}
    )
    made: Tensors = {}
    for module, (out_features, in_features) in base.modules.items():
        made[tensor_name(module, "A")] = ("F32", [16, in_features])
        made[tensor_name(module, "B")] = ("F32", [out_features, 16])
    write_weights(folder / WEIGHTS, made)
    with_config(folder, r=16, target_modules=list(shapes))
    rules = AdapterRules(path="a", max_bytes=100_000_000, max_rank=64, target_modules=tuple(shapes))
    (finding,) = check(folder, rules=rules, base=base).findings
    assert finding.code == "ADM003"
    assert finding.seen == "132.2 MB in fp32; saved in bf16 it is 66.1 MB"
    assert finding.limit == "at most 100 MB"
    assert finding.fix == "Save it in bf16: `model.to(torch.bfloat16)` before `save_pretrained`."


def test_too_large_in_any_case(folder: Path, write_weights: WriteWeights) -> None:
    write_weights(folder / WEIGHTS, {**tensors(dtype="F32"), "x": ("F32", [10_000])})
    findings = check(folder).findings
    assert ("ADM003", "42.9 kB", "at most 20 kB") in [(one.code, one.seen, one.limit) for one in findings]
    assert "ADM008" in [one.code for one in findings]


def test_far_too_large_is_not_read(folder: Path) -> None:
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(5_000_000_000)
    seen, limit = one(folder, "ADM003")
    assert (seen, limit) == ("5000 MB", "at most 20 kB")


def test_damaged_weights(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:-10])
    seen, _ = one(folder, "ADM007")
    assert seen == (
        "`adapter_model.safetensors`: tensor `base_model.model.model.layers.1.mlp.up_proj.lora_B.weight` ends 10 bytes "
        "behind the file's end: cut off"
    )


def test_weights_that_are_a_quota_page(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"<!DOCTYPE html><title>Google Drive - Quota exceeded</title>" * 20)
    seen, _ = one(folder, "ADM007")
    assert "cut off, or no safetensors" in seen


# Config.


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"{", "`adapter_config.json` is no JSON: "),
        (b"", "`adapter_config.json` is no JSON: "),
        (b"\xff\x00\x01", "`adapter_config.json` is no JSON: "),
        (b"[" * 100_000, "`adapter_config.json` is no JSON: "),
        (b'{"r": NaN}', "`adapter_config.json` is no JSON: NaN is no JSON"),
        (b"[]", "`adapter_config.json` holds no JSON object"),
        (b" " * 2_000_000, "`adapter_config.json` is too large"),
    ],
)
def test_config_that_cannot_be_read(folder: Path, content: bytes, seen: str) -> None:
    (folder / CONFIG).write_bytes(content)
    assert one(folder, "ADM004")[0].startswith(seen)


@pytest.mark.parametrize(
    "name",
    [
        "tiny-base",
        "ORG/Tiny-Base",
        "C:\\models\\tiny-base\\",
        "/root/.cache/huggingface/hub/models--org--tiny-base/snapshots/0123abcd",
    ],
)
def test_base_names_that_agree(folder: Path, name: str) -> None:
    assert check(with_config(folder, base_model_name_or_path=name)).findings == ()


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("org/other", "trained on `other`"),
        ("/home/alice/secret/other", "trained on `other`"),
        (None, "no `base_model_name_or_path`"),
        (7, "no `base_model_name_or_path`"),
        ("/", "no `base_model_name_or_path`"),
    ],
)
def test_another_base(folder: Path, name: object, seen: str) -> None:
    assert one(with_config(folder, base_model_name_or_path=name), "ADM005") == (seen, "`tiny-base`")


REFUSED: dict[str, tuple[dict[str, object], str, str]] = {
    "kind": ({"peft_type": "LOHA"}, '`peft_type` is `"LOHA"`', "LORA"),
    "no kind": ({"peft_type": None}, "`peft_type` is `null`", "LORA"),
    "rank": ({"r": 9}, "`r` is `9`", "a whole number from 1 to 8"),
    "rank 0": ({"r": 0}, "`r` is `0`", "a whole number from 1 to 8"),
    "rank bool": ({"r": True}, "`r` is `true`", "a whole number from 1 to 8"),
    "alpha": ({"lora_alpha": "8"}, '`lora_alpha` is `"8"`', "a number above 0, at most 65536"),
    "alpha 0": ({"lora_alpha": 0}, "`lora_alpha` is `0`", "a number above 0, at most 65536"),
    "alpha huge": ({"lora_alpha": 10**400}, "`lora_alpha` is `1000", "a number above 0, at most 65536"),
    "pattern": (
        {"target_modules": ".*_proj"},
        '`target_modules` is the pattern `".*_proj"`',
        "a list out of q_proj, up_proj",
    ),
    "target": (
        {"target_modules": ["q_proj", "lm_head"]},
        '`target_modules` names `"lm_head"`',
        "a list out of q_proj, up_proj",
    ),
    "target regex": (
        {"target_modules": [".*q_proj"]},
        '`target_modules` names `".*q_proj"`',
        "a list out of q_proj, up_proj",
    ),
    "targets none": ({"target_modules": None}, "`target_modules` is `null`", "a list out of q_proj, up_proj"),
    "targets odd": ({"target_modules": [1, {}]}, "`target_modules` names `1`, `{}`", "a list out of q_proj, up_proj"),
    "bias": ({"bias": "all"}, '`bias` is `"all"`', "none"),
    "task": ({"task_type": "SEQ_CLS"}, '`task_type` is `"SEQ_CLS"`', "CAUSAL_LM"),
    "dora": ({"use_dora": True}, "`use_dora` is `true`", "null, false or empty: a plain LoRA adapter"),
    "fan": ({"fan_in_fan_out": True}, "`fan_in_fan_out` is `true`", "null, false or empty: a plain LoRA adapter"),
    "save": (
        {"modules_to_save": ["lm_head"]},
        '`modules_to_save` is `["lm_head"]`',
        "null, false or empty: a plain LoRA adapter",
    ),
    "new": ({"a_new_thing": {"x": 1}}, '`a_new_thing` is `{"x": 1}`', "null, false or empty: a plain LoRA adapter"),
    "new number": ({"lora_scale": 2.0}, "`lora_scale` is `2.0`", "null, false or empty"),
    "new string": ({"custom_module": "evil"}, '`custom_module` is `"evil"`', "null, false or empty"),
    "exclude": ({"exclude_modules": ["q_proj", 1]}, '`exclude_modules` is `["q_proj", 1]`', "null, names or a"),
    "layers pattern": ({"layers_pattern": "(a+)+"}, '`layers_pattern` is `"(a+)+"`', "null or plain names"),
    "layers patterns": ({"layers_pattern": ["layers"] * 9}, "`layers_pattern` is `", "null or plain names"),
    "parameters": ({"target_parameters": ["w"]}, '`target_parameters` is `["w"]`', "null, false or empty"),
    "tokens": ({"trainable_token_indices": [1]}, "`trainable_token_indices` is `[1]`", "null, false or empty"),
    "replication": ({"layer_replication": [[0, 1]]}, "`layer_replication` is `[[0, 1]]`", "null, false or empty"),
    "megatron": ({"megatron_config": {"a": 1}}, '`megatron_config` is `{"a": 1}`', "null, false or empty"),
    "megatron module": (
        {"megatron_core": "evil.module"},
        '`megatron_core` is `"evil.module"`',
        "null or megatron.core: no other module is loaded",
    ),
    "loftq": ({"loftq_config": {"a": 1}}, '`loftq_config` is `{"a": 1}`', "null, false or empty"),
    "arrow": ({"arrow_config": {"a": 1}}, '`arrow_config` is `{"a": 1}`', "null, false or empty"),
    "alora": ({"alora_invocation_tokens": [1]}, "`alora_invocation_tokens` is `[1]`", "null, false or empty"),
    "qalora": ({"use_qalora": True}, "`use_qalora` is `true`", "null, false or empty"),
    "bdlora": ({"use_bdlora": {"a": 1}}, '`use_bdlora` is `{"a": 1}`', "null, false or empty"),
    "lora bias": ({"lora_bias": True}, "`lora_bias` is `true`", "null, false or empty"),
    "auto map": ({"auto_map": {"AutoModel": "x.Y"}}, '`auto_map` is `{"AutoModel": "x.Y"}`', "null, false or empty"),
    "remote code": ({"trust_remote_code": True}, "`trust_remote_code` is `true`", "null, false or empty"),
    "dora word": ({"use_dora": "yes"}, '`use_dora` is `"yes"`', "null, false or empty"),
    "dora 1": ({"use_dora": 1}, "`use_dora` is `1`", "null, false or empty"),
    "save word": ({"modules_to_save": "lm_head"}, '`modules_to_save` is `"lm_head"`', "null, false or empty"),
    "rank list value": ({"r": [4]}, "`r` is `[4]`", "a whole number from 1 to 8"),
    "rank float": ({"r": 4.0}, "`r` is `4.0`", "a whole number from 1 to 8"),
    "kind list": ({"peft_type": ["LORA"]}, '`peft_type` is `["LORA"]`', "LORA"),
    "targets empty": ({"target_modules": []}, "`target_modules` is `[]`", "a list out of q_proj, up_proj"),
    "targets object": ({"target_modules": {"q_proj": 1}}, '`target_modules` is `{"q_proj": 1}`', "a list out of"),
    "layers negative": ({"layers_to_transform": [-1]}, "`layers_to_transform` is `[-1]`", "null or a list of layer"),
    "hidden name": ({"a\x1b[31m": 1}, "`a\\x1b[31m` is `1`", "null, false or empty"),
    "mapping path": (
        {"auto_mapping": {"base_model_class": "os.system", "parent_library": "transformers/../evil"}},
        '`auto_mapping` is `{"base_model_class": "os.system", "parent_library": "transfo',
        "null, or a class of transformers",
    ),
    "mapping": (
        {"auto_mapping": {"base_model_class": "X", "parent_library": "evil.module"}},
        '`auto_mapping` is `{"base_model_class": "X", "parent_library": "evil.module"}`',
        "null, or a class of transformers",
    ),
    "init": ({"init_lora_weights": "pissa"}, '`init_lora_weights` is `"pissa"`', "an initialisation that leaves"),
    "init odd": ({"init_lora_weights": []}, "`init_lora_weights` is `[]`", "an initialisation that leaves"),
    "layers": ({"layers_to_transform": ["0"]}, '`layers_to_transform` is `["0"]`', "null or a list of layer numbers"),
    "rslora": ({"use_rslora": "yes"}, '`use_rslora` is `"yes"`', "true or false"),
    "rank pattern": ({"rank_pattern": {"q_proj": 99}}, '`rank_pattern` maps `"q_proj"` to `99`', "a whole number"),
    "rank regex": ({"rank_pattern": {"(a+)+$": 9}}, '`rank_pattern` maps `"(a+)+$"` to `9`', "a whole number"),
    "alpha regex": ({"alpha_pattern": {"(a+)+$": 4}}, '`alpha_pattern` maps `"(a+)+$"` to `4`', "a plain module name"),
    "rank list": ({"rank_pattern": [1]}, "`rank_pattern` is no object of bounded size", "a whole number"),
    "alpha pattern": (
        {"alpha_pattern": {"q_proj": None}},
        '`alpha_pattern` maps `"q_proj"` to `null`',
        "a plain module name",
    ),
}


@pytest.mark.parametrize(("changes", "seen", "limit"), REFUSED.values(), ids=REFUSED)
def test_settings_that_are_refused(folder: Path, changes: dict[str, object], seen: str, limit: str) -> None:
    (finding,) = check(with_config(folder, **changes)).findings
    assert finding.code == "ADM006"
    assert finding.seen.startswith(seen)
    assert finding.limit.startswith(limit)
    assert str(finding.where).startswith("adapter_config.json at /")


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("modules_to_save", ["lm_head"], "Train without `modules_to_save`: lm_head and embed_tokens stay those of the"),
        ("trainable_token_indices", [1], "Train without new tokens"),
        ("exclude_modules", {"a": 1}, "Leave it out, and name in `target_modules` what is trained."),
        ("layers_pattern", ".*", "Leave it out: without it the first number in a module's name is its layer."),
        ("alpha_pattern", {".*q_proj": 4}, "Write in its place each module that it means by its name, such as"),
        ("lora_scale", 2, "Train without it. If it is a default that a newer peft wrote, delete the line."),
    ],
)
def test_refused_settings_are_told_what_to_do(folder: Path, name: str, value: object, fix: str) -> None:
    (finding,) = check(with_config(folder, **{name: value})).findings
    assert finding.fix.startswith(fix)


def test_a_setting_that_is_there_twice_is_refused(folder: Path) -> None:
    text = json.dumps(config())
    (folder / CONFIG).write_text(text[:-1] + ', "use_dora": true}')
    seen, _ = one(folder, "ADM004")
    assert seen == "`adapter_config.json` is no JSON: a name is there twice"


def test_deep_values_are_shown_cut(folder: Path) -> None:
    (folder / CONFIG).write_text(json.dumps(config())[:-1] + ', "x": ' + "[" * 900 + "]" * 900 + "}")
    seen, _ = one(folder, "ADM006")
    assert len(seen) < 120


def test_what_lies_beside_the_two_files_is_neither_read_nor_copied(folder: Path, tmp_path: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04x")
    (folder / "modeling_evil.py").write_text("raise SystemExit")
    verdict = check(folder)
    assert verdict.config is not None
    admit_copy(folder, tmp_path / "copy", verdict.config)
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [CONFIG, WEIGHTS]


def test_url_of_the_base_does_not_reach_the_copy(folder: Path) -> None:
    url = "https://example.org/x/tiny-base"
    verdict = check(with_config(folder, base_model_name_or_path=url, revision=url))
    assert verdict.config is not None
    assert "example.org" not in json.dumps(verdict.config)


def test_pattern_of_targets_is_told_what_to_write(folder: Path) -> None:
    (finding,) = check(with_config(folder, target_modules=".*_proj")).findings
    assert finding.fix == 'Write the names as a list, such as `"target_modules": ["q_proj", "up_proj"]`.'


@pytest.mark.parametrize(
    "changes",
    [
        {"auto_mapping": {"base_model_class": "X", "parent_library": "transformers.models.x"}, "task_type": None},
        {"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"layers.0.mlp.up_proj": 2.5}},
        {"layers_to_transform": [0, 1]},
        {"layers_to_transform": [0, 1], "layers_pattern": "layers"},
        {"layers_to_transform": [0, 1], "layers_pattern": ["blocks", "model.layers"]},
        {"target_modules": "all-linear", "exclude_modules": ["lm_head"]},
        {"exclude_modules": ".*lm_head"},
        {"rank_pattern": {".*q_proj": 4}},
        {"r": 2, "rank_pattern": {"(a+)+$": 4}},
        {"r": 2, "rank_pattern": {f"^{name}": 4 for name in BASE.modules}, "alpha_pattern": {"^lm_head": 3}},
        {"init_lora_weights": "gaussian", "use_rslora": True},
        {"target_modules": [name for name in BASE.modules if name.endswith(("q_proj", "up_proj"))]},
        {"target_modules": "all-linear"},
        {"revision": "refs/pr/1", "peft_version": "0.30.1", "lora_dropout": 0.3},
        {"base_model_name_or_path": "https://example.org/x/tiny-base", "revision": "https://example.org"},
        {"a_new_setting": None, "another": False, "a_list": [], "a_number": 0, "a_string": ""},
        {"runtime_config": {"ephemeral_gpu_offload": True}, "eva_config": {"rho": 2.0}},
    ],
)
def test_settings_that_are_allowed(folder: Path, changes: dict[str, object]) -> None:
    assert check(with_config(folder, **changes)).findings == ()


def test_what_patterns_would_tell_is_written_from_the_tensors(folder: Path, write_weights: WriteWeights) -> None:
    made = {name: one for name, one in tensors().items() if "layers.1" not in name}
    made |= {name: one for name, one in tensors(rank=2).items() if "layers.1.self_attn" in name}
    write_weights(folder / WEIGHTS, made)
    changes = {"exclude_modules": [r".*layers\.1\.mlp.*"], "rank_pattern": {r".*layers\.1\..*": 2}}
    verdict = check(with_config(folder, **changes))
    assert verdict.config is not None
    assert verdict.config["target_modules"] == [
        "model.layers.0.mlp.up_proj",
        "model.layers.0.self_attn.q_proj",
        "model.layers.1.self_attn.q_proj",
    ]
    assert verdict.config["rank_pattern"] == {"model.layers.1.self_attn.q_proj": 2}
    assert "exclude_modules" not in verdict.config


def test_layers_pattern_tells_which_number_is_the_layer(folder: Path, write_weights: WriteWeights) -> None:
    write_weights(folder / WEIGHTS, {name: one for name, one in tensors().items() if "layers.1" in name})
    verdict = check(with_config(folder, layers_to_transform=[1], layers_pattern="layers"))
    assert verdict.config is not None
    assert verdict.config["target_modules"] == ["model.layers.1.mlp.up_proj", "model.layers.1.self_attn.q_proj"]
    assert verdict.config["layers_to_transform"] is None
    seen, _ = one(with_config(folder, layers_to_transform=[0, 1], layers_pattern="layers"), "ADM010")
    assert seen.startswith("no tensors for modules that the config names: `model.layers.0.mlp.up_proj`")


def test_rank_that_no_key_of_the_pattern_gives_is_refused(folder: Path) -> None:
    seen, limit = one(with_config(folder, r=2, rank_pattern={".*q_proj": 3}), "ADM010")
    assert seen.startswith("rank 4 in the tensors of `model.layers.0.mlp.up_proj`")
    assert limit == "rank 2 or 3 in the config"


def test_header_of_far_too_many_tensors_is_one_finding_and_quick(folder: Path, write_weights: WriteWeights) -> None:
    base = BaseShapes(modules={f"model.layers.{n}.self_attn.q_proj": (16, 8) for n in range(1000)})
    for many, code, why in ((12_000, "ADM008", "12000 tensors"), (106_000, "ADM007", "at most 2000000 are read")):
        write_weights(
            folder / WEIGHTS, {tensor_name(f"model.layers.{n}.q_proj", "A"): ("F32", [0]) for n in range(many)}
        )
        begin = time.process_time()
        (finding,) = check(folder, base=base, rules=LARGE).findings
        assert time.process_time() - begin < 3
        assert finding.code == code
        assert why in finding.seen


def test_header_of_as_many_tensors_as_are_looked_at_is_quick(folder: Path, write_weights: WriteWeights) -> None:
    base = BaseShapes(modules={f"model.layers.{n}.self_attn.q_proj": (16, 8) for n in range(1500)})
    made = {tensor_name(f"model.layers.{n}.q_proj", "A"): ("F32", [0]) for n in range(12_000)}
    write_weights(folder / WEIGHTS, made)
    begin = time.process_time()
    assert {finding.code for finding in check(folder, base=base, rules=LARGE).findings} == {"ADM008", "ADM010"}
    assert time.process_time() - begin < 3


def test_all_linear_is_resolved_from_the_tensors(folder: Path) -> None:
    verdict = check(with_config(folder, target_modules="all-linear"))
    assert verdict.config is not None
    assert verdict.config["target_modules"] == ["q_proj", "up_proj"]


def test_all_linear_that_covers_a_part_of_the_layers_is_refused(folder: Path, write_weights: WriteWeights) -> None:
    some = {name: tensor for name, tensor in tensors().items() if "layers.1.self_attn" not in name}
    write_weights(folder / WEIGHTS, some)
    seen, _ = one(with_config(folder, target_modules="all-linear"), "ADM010")
    assert seen == "no tensors for modules that the config names: `model.layers.1.self_attn.q_proj`"


@pytest.mark.parametrize("name", ["lm_head.weight", "model.embed_tokens.weight", "lm_head.modules_to_save.weight"])
def test_head_and_embeddings_are_refused_on_purpose(folder: Path, write_weights: WriteWeights, name: str) -> None:
    write_weights(folder / WEIGHTS, tensors() | {f"base_model.model.{name}": ("BF16", [64, 8])})
    (finding,) = check(folder).findings
    assert finding.code == "ADM008"
    assert "save_embedding_layers=False" in finding.fix
    assert "lm_head and embed_tokens stay those of the base model" in finding.fix


def test_all_linear_with_a_module_that_is_not_allowed(folder: Path, write_weights: WriteWeights) -> None:
    write_weights(folder / WEIGHTS, tensors(targets=("q_proj", "down_proj")))
    seen, limit = one(with_config(folder, target_modules="all-linear"), "ADM006")
    assert (seen, limit) == ("tensors for the modules `down_proj`", "a list out of q_proj, up_proj")


# Tensors.


def test_tensors_of_another_base(folder: Path) -> None:
    base = BaseShapes(modules={name: (out, 10) for name, (out, _) in BASE.modules.items()})
    (finding,) = check(folder, base=base).findings
    assert finding.code == "ADM008"
    assert finding.seen == (
        "`model.layers.0.mlp.up_proj`, `model.layers.0.self_attn.q_proj`, `model.layers.1.mlp.up_proj` and 1 more: "
        "lora_A is [4, 8] and lora_B [24, 4] in the first"
    )
    assert finding.limit == "[rank, 10] and [24, rank] there"


Q0 = "model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("changes", "gone", "code", "seen"),
    [
        ({tensor_name("model.layers.9.mlp.up_proj", side): ("BF16", [4, 4]) for side in "AB"}, "", "ADM008",
         "modules that the base model does not have: `model.layers.9.mlp.up_proj`"),
        ({"lm_head.weight": ("BF16", [64, 8])}, "", "ADM008", "tensors that are no LoRA weights: `lm_head.weight`"),
        ({f"base_model.model.{Q0}.lora_A.default.weight": ("BF16", [4, 8])}, "", "ADM008",
         f"tensors that are no LoRA weights: `base_model.model.{Q0}.lora_A.default.weight`"),
        ({}, tensor_name(Q0, "B"), "ADM008", f"modules with only one of lora_A and lora_B: `{Q0}`"),
        ({tensor_name(Q0, "A"): ("BF16", [4, 8, 1])}, "", "ADM008",
         f"`{Q0}`: lora_A is [4, 8, 1] and lora_B [16, 4] in the first"),
        ({tensor_name(Q0, "A"): ("BF16", [3, 8])}, "", "ADM008",
         f"`{Q0}`: lora_A is [3, 8] and lora_B [16, 4] in the first"),
        ({tensor_name(Q0, "A"): ("F64", [4, 8])}, "", "ADM006", f"tensors in F64: `{tensor_name(Q0, 'A')}`"),
        ({tensor_name(Q0, "A"): ("BF16", [2, 8]), tensor_name(Q0, "B"): ("BF16", [16, 2])}, "", "ADM010",
         f"rank 2 in the tensors of `{Q0}`"),
        ({tensor_name("model.layers.0.mlp.down_proj", "A"): ("BF16", [4, 24]),
          tensor_name("model.layers.0.mlp.down_proj", "B"): ("BF16", [8, 4])}, "", "ADM010",
         "tensors for modules that the config does not name: `model.layers.0.mlp.down_proj`"),
        ({}, f"base_model.model.{Q0}.", "ADM010", f"no tensors for modules that the config names: `{Q0}`"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit(
    folder: Path, write_weights: WriteWeights, changes: Tensors, gone: str, code: str, seen: str
) -> None:
    made = {name: tensor for name, tensor in (tensors() | changes).items() if not gone or not name.startswith(gone)}
    write_weights(folder / WEIGHTS, made)
    assert one(folder, code)[0] == seen


def test_file_without_lora_weights(folder: Path, write_weights: WriteWeights) -> None:
    write_weights(folder / WEIGHTS, {})
    findings = check(folder).findings
    assert [finding.code for finding in findings] == ["ADM008", "ADM010"]
    assert findings[0].seen == "the file holds no LoRA weights"


def test_target_that_the_base_does_not_have(folder: Path) -> None:
    rules = AdapterRules(path="a", max_bytes=20_000, max_rank=8, target_modules=("q_proj", "up_proj", "x_proj"))
    (finding,) = check(with_config(folder, target_modules=["q_proj", "up_proj", "x_proj"]), rules=rules).findings
    assert (finding.code, finding.seen) == ("ADM010", "`target_modules` that the base model does not have: `x_proj`")


def test_layers_that_the_config_leaves_out(folder: Path) -> None:
    seen, _ = one(with_config(folder, layers_to_transform=0), "ADM010")
    assert seen.startswith("tensors for modules that the config does not name: `model.layers.1.mlp.up_proj`")


def test_rank_pattern_counts(folder: Path) -> None:
    seen, limit = one(with_config(folder, rank_pattern={"layers.0.mlp.up_proj": 2}), "ADM010")
    assert (seen, limit) == ("rank 4 in the tensors of `model.layers.0.mlp.up_proj`", "rank 2 in the config")


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_values_that_are_not_finite(folder: Path, write_weights: WriteWeights, dtype: str) -> None:
    infinity = {"BF16": b"\x80\x7f", "F16": b"\x00\x7c", "F32": b"\x00\x00\x80\x7f"}[dtype]
    write_weights(folder / WEIGHTS, tensors(dtype=dtype))
    with_data(folder, tensor_name(Q0, "B"), infinity * 3)
    assert one(folder, "ADM009")[0] == f"3 values in 1 tensors: `{tensor_name(Q0, 'B')}`"


def test_all_findings_come_at_once(folder: Path, write_weights: WriteWeights) -> None:
    write_weights(folder / WEIGHTS, tensors(rank=2) | {"junk": ("F32", [9000])})
    with_data(folder, tensor_name(Q0, "A"), b"\xff\xff")
    with_config(folder, base_model_name_or_path="other")
    assert [finding.code for finding in check(folder).findings] == ["ADM005", "ADM003", "ADM009", "ADM008", "ADM010"]


def test_target_that_cannot_be_written_is_our_fault(folder: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot copy the admitted adapter") as caught:
        admit_copy(folder, folder / "README.md" / "target", {})
    assert caught.value.remedy == "Check the disk that holds the run folder, and grade again."


# The copy.


def test_admitted_copy_is_read_only_and_holds_two_files(folder: Path, tmp_path: Path) -> None:
    verdict = check(folder)
    assert verdict.config is not None
    target = tmp_path / "run" / "adapter"
    assert admit_copy(folder, target, verdict.config) == verdict.sha256
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in target.iterdir()}
    assert modes == {WEIGHTS: 0o444, CONFIG: 0o444}
    assert json.loads((target / CONFIG).read_text()) == verdict.config
    assert (target / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["adapter"]


def test_copy_does_not_follow_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary")
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to(tmp_path / "secret")
    with pytest.raises(EnvironmentFault, match="is a link"):
        admit_copy(folder, tmp_path / "adapter", {})
    assert not (tmp_path / "adapter").exists()


# What peft itself writes.


@pytest.fixture(scope="module")
def peft_adapter(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """Give a function that makes a tiny random Qwen3 and an adapter on it: (base folder, adapter folder)."""
    transformers = pytest.importorskip("transformers")
    peft = pytest.importorskip("peft")
    torch = pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("peft")
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    settings = transformers.Qwen3Config(vocab_size=64, num_key_value_heads=2, head_dim=8, **shape)
    transformers.Qwen3ForCausalLM(settings).save_pretrained(root / "tiny-base")

    def make(name: str, dtype: str = "bfloat16", **lora: object) -> tuple[Path, Path]:
        model = transformers.Qwen3ForCausalLM.from_pretrained(root / "tiny-base")
        adapted = peft.get_peft_model(model, peft.LoraConfig(**lora)).to(getattr(torch, dtype))
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(parameter)
        adapted.save_pretrained(root / name)
        return root / "tiny-base", root / name

    return make


ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PEFT_RULES = AdapterRules(path="adapter_checkpoint", max_bytes=100_000, max_rank=8, target_modules=ALL)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "lora"),
    [
        ("list", {"r": 4, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM"}),
        ("all-linear", {"r": 4, "target_modules": "all-linear", "rank_pattern": {"q_proj": 2}}),
        ("layers", {"r": 8, "target_modules": ["v_proj"], "layers_to_transform": [1], "task_type": "CAUSAL_LM"}),
        ("no head", {"r": 4, "target_modules": "all-linear", "exclude_modules": ["lm_head"]}),
        ("excluded", {"r": 4, "target_modules": ["q_proj", "up_proj"], "exclude_modules": r".*\.1\.mlp.*"}),
        ("by name", {"r": 4, "target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers"}),
        ("regex", {"r": 4, "target_modules": ["q_proj"], "rank_pattern": {r".*layers\.1\..*": 2}}),
        ("rslora", {"r": 8, "target_modules": list(ALL), "use_rslora": True, "task_type": "CAUSAL_LM"}),
    ],
)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_adapter_of_peft_passes_and_its_copy_computes_the_same(
    peft_adapter: Callable[..., tuple[Path, Path]], tmp_path: Path, name: str, lora: dict[str, object], dtype: str
) -> None:
    import peft
    import torch
    import transformers

    from harness.intake.adapter.base import read_base_shapes

    base_folder, folder = peft_adapter(f"{name}-{dtype}", dtype, **lora)
    base = read_base_shapes(base_folder)
    verdict = check_adapter(folder, rules=PEFT_RULES, base=base, base_name="org/tiny-base")
    assert verdict.findings == ()
    assert verdict.config is not None
    admit_copy(folder, tmp_path / "adapter", verdict.config)
    logits = []
    for path in (None, folder, tmp_path / "adapter"):
        model = transformers.Qwen3ForCausalLM.from_pretrained(base_folder)
        model = model if path is None else peft.PeftModel.from_pretrained(model, path)
        with torch.no_grad():
            logits.append(model(torch.arange(10)[None]).logits)
    assert torch.equal(logits[1], logits[2])
    assert not torch.equal(logits[0], logits[1])


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "code", "lora"),
    [
        ("dora", "ADM006", {"r": 4, "target_modules": ["q_proj"], "use_dora": True}),
        ("bias", "ADM008", {"r": 4, "target_modules": ["q_proj"], "lora_bias": True}),
        ("head", "ADM008", {"r": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
        ("embedding", "ADM006", {"r": 4, "target_modules": ["q_proj", "embed_tokens"]}),
        ("rank", "ADM006", {"r": 16, "target_modules": ["q_proj"]}),
        ("pattern", "ADM006", {"r": 4, "target_modules": r".*\.q_proj"}),
    ],
)
def test_adapter_of_peft_that_is_not_plain_lora(
    peft_adapter: Callable[..., tuple[Path, Path]], name: str, code: str, lora: dict[str, object]
) -> None:
    from harness.intake.adapter.base import read_base_shapes

    base_folder, folder = peft_adapter(name, **lora, task_type="CAUSAL_LM")
    base = read_base_shapes(base_folder)
    verdict = check_adapter(folder, rules=PEFT_RULES, base=base, base_name="tiny-base")
    assert code in [finding.code for finding in verdict.findings]
    assert verdict.config is None
