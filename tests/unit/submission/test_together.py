"""Two processes learn what one does: with the shipped configurations of accelerate, on CPUs with gloo."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback import SUBMISSION, run_script

pytestmark = [pytest.mark.torch, pytest.mark.slow]
HERE = Path(__file__).parent
CONFIGS = SUBMISSION / "configs"
# 9 rows by 4: the last step of an epoch has one example, so that one of two processes has none.
ROWS = [{"instruction": "天地玄黃"[i % 4] * (2 + i), "output": "宇宙洪荒"[i % 4] * (9 - i)} for i in range(9)]
RECIPE = ["--num_epochs", "3", "--examples_per_step", "4", "--learning_rate", "1e-2", "--lora_dropout", "0"]
# So little room that the processes need different numbers of passes.
RECIPE += ["--batch_tokens", "64", "--max_length", "64", "--eval_every", "3"]


@dataclass
class Run:
    losses: list[float]
    eval_losses: list[float]
    notes: list[dict[str, Any]]
    printed: str
    output: Path


def run(folder: Path, base: Path, name: str, *command: str, options: Sequence[str] = ()) -> Run:
    rows = folder / "rows.json"
    rows.write_text(json.dumps(ROWS), encoding="utf-8")
    files = ["--base_model", base, "--train_file", rows, "--eval_file", rows, "--output_dir", folder / name]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    script = HERE / "launched.py"
    ran = run_script(*command, script, folder / f"{name}.note", *files, *RECIPE, *options, env=environment, timeout=120)
    assert ran.returncode == 0, ran.stderr[-3000:]
    log = json.loads((folder / name / "training_history.json").read_text())["log"]
    notes = [json.loads(path.read_text()) for path in sorted(folder.glob(f"{name}.*.json"))]
    return Run(
        [one["loss"] for one in log if "loss" in one],
        [one["eval_loss"] for one in log if "eval_loss" in one],
        notes,
        ran.stdout + ran.stderr,
        folder / name,
    )


@pytest.fixture(scope="module")
def alone(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("alone"), tiny_base, "alone", sys.executable)


def launch(name: str) -> list[str]:
    return [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--config_file", str(CONFIGS / name)]


@pytest.mark.parametrize("name", ["ddp", "fsdp", "deepspeed_zero2"])
def test_two_processes_learn_what_one_does(name: str, alone: Run, tiny_base: Path, tmp_path: Path) -> None:
    both = run(tmp_path, tiny_base, name, *launch(f"{name}.yaml"))
    assert [note["count"] for note in both.notes] == [2, 2] and [note["count"] for note in alone.notes] == [1]
    assert len(both.losses) == 9
    assert both.losses == pytest.approx(alone.losses, rel=1e-4)
    assert both.eval_losses == pytest.approx(alone.eval_losses, rel=1e-4)
    first, second = (note["steps"] for note in both.notes)
    assert [1, 0] in second  # a step in which the second process had nothing
    assert any(one[1] != other[1] for one, other in zip(first, second, strict=True))
    # One process speaks.
    assert both.printed.count("9 updates of 4 examples, ") == both.printed.count("9/9") / 2 == 1
    _like(alone.output, both.output)


def _like(one: Path, other: Path) -> None:
    import torch
    from safetensors.torch import load_file

    weights, others = (load_file(path / "adapter_checkpoint" / "adapter_model.safetensors") for path in (one, other))
    assert weights.keys() == others.keys()
    for key, tensor in weights.items():
        torch.testing.assert_close(tensor, others[key], rtol=2e-2, atol=1e-3)


def test_fsdp_shares_out_the_layers_and_leaves_the_adapter_whole(tiny_base: Path, tmp_path: Path) -> None:
    notes = run(tmp_path, tiny_base, "fsdp", *launch("fsdp.yaml")).notes
    for note in notes:
        whole, here, trained_apart = note["shared"]
        assert trained_apart == 0
        assert here < 0.8 * whole  # embeddings and adapter stay whole, and are much of so small a model


def test_4_bit_weights_are_not_shared_out(tiny_base: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(ROWS), encoding="utf-8")
    options = ["--base_model", tiny_base, "--train_file", rows, "--output_dir", tmp_path / "out", "--keep_4bit"]
    ran = run_script(*launch("fsdp.yaml"), SUBMISSION / "train.py", *options, timeout=200)
    assert ran.returncode != 0
    assert "FSDP cannot share out 4-bit weights: leave --keep_4bit out, or launch with ddp.yaml" in ran.stderr


def test_deepspeed_shares_out_copies_and_optimizer_and_a_killed_run_goes_on(tiny_base: Path, tmp_path: Path) -> None:
    import torch

    whole = run(tmp_path, tiny_base, "whole", *launch("deepspeed_zero2.yaml"))
    (last,) = whole.output.glob("checkpoints/*/state.pt")
    parts = torch.load(last, weights_only=True)["updates"]["parts"]
    trained = json.loads((whole.output / "training_history.json").read_text())["trainable_parameters"]
    assert [[copy.numel() for copy in part["copies"]] for part in parts] == [[trained // 2]] * 2
    assert [part["optimizer"]["state"][0]["exp_avg"].numel() for part in parts] == [trained // 2] * 2

    (tmp_path / "die_at").write_text("8")
    with pytest.raises(AssertionError):
        run(tmp_path, tiny_base, "killed", *launch("deepspeed_zero2.yaml"))
    (tmp_path / "die_at").unlink()
    again = run(tmp_path, tiny_base, "killed", *launch("deepspeed_zero2.yaml"), options=["--resume"])
    assert again.losses == whole.losses and again.eval_losses == whole.eval_losses
    weights = "adapter_checkpoint/adapter_model.safetensors"
    assert (again.output / weights).read_bytes() == (whole.output / weights).read_bytes()


def test_deepspeed_updates_as_one_process_does_whatever_their_number(tmp_path: Path) -> None:
    """Three: a sum that is a mean times their number is not exact in bf16."""
    launcher = launch("deepspeed_zero2.yaml")
    launcher[4:4] = ["--num_processes", "3"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SUBMISSION)}
    ran = run_script(*launcher, HERE / "zero_trial.py", tmp_path / "note.json", env=environment, timeout=200)
    assert ran.returncode == 0, ran.stderr[-3000:]
    for found in json.loads((tmp_path / "note.json").read_text()).values():
        assert found["parts"] == 3
        assert found["norms"] < 1e-6 and found["copies"] < 1e-6 and found["equal"] > 0.99


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ZERO_STAGE", "3", "ZeRO-2 alone works here, not zero_stage 3; launch with deepspeed_zero2.yaml"),
        ("OFFLOAD_OPTIMIZER_DEVICE", "cpu", "ZeRO-2 alone works here, not offload_optimizer_device cpu; launch"),
        ("ZERO_STAGE", "2", "DeepSpeed is not installed: pip install deepspeed, or launch with ddp.yaml"),
    ],
)
def test_what_deepspeed_cannot_do_here_is_said_before_anything_is_loaded(
    name: str, value: str, words: str, tiny_base: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(ROWS), encoding="utf-8")
    options = ["--base_model", tiny_base, "--train_file", rows, "--output_dir", tmp_path / "out"]
    environment = os.environ | {"ACCELERATE_USE_DEEPSPEED": "true", f"ACCELERATE_DEEPSPEED_{name}": value}
    absent = "import sys; sys.modules['deepspeed'] = None; " if "not installed" in words else "import sys; "
    code = f"{absent}sys.path.insert(0, {str(SUBMISSION)!r}); import train; sys.exit(train.main(sys.argv[1:]))"
    ran = run_script(sys.executable, "-c", code, *options, env=environment)
    assert (ran.returncode, "loading" in ran.stderr) == (2, False)
    assert words in ran.stderr


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_configurations_are_read_by_accelerate(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(path))
    written = yaml.safe_load(path.read_text())
    assert config.num_processes == 2 and str(config.mixed_precision) == "no"
    assert str(config.distributed_type.value) == written["distributed_type"]
