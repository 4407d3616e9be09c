"""The gate: files, sizes and the copy; each way in which an adapter can be wrong ends in its own finding."""

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from harness.errors import EnvironmentFault
from harness.intake.adapter.base import BaseShapes
from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.gate import WEIGHTS, admit_copy
from harness.model.assignment import AdapterRules

from .adapter_folder import Q0, Tensors, WriteWeights, check, one, tensor_name, tensors, with_config, with_data


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


def test_what_lies_beside_the_two_files_is_neither_read_nor_copied(folder: Path, tmp_path: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04x")
    (folder / "modeling_evil.py").write_text("raise SystemExit")
    verdict = check(folder)
    assert verdict.config is not None
    admit_copy(folder, tmp_path / "copy", verdict.config)
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [CONFIG, WEIGHTS]


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
