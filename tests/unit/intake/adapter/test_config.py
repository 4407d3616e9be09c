"""Each setting of an adapter's config that is refused is named with its limit; what peft writes by itself is not."""

import json
from pathlib import Path

import pytest

from harness.intake.adapter.config import CONFIG

from .adapter_folder import BASE, check, config, one, with_config


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
