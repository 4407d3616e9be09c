"""train.py for real on a random two-layer Qwen3: what it writes, that the seed decides it, how bad input ends."""

import json
import sys
import zipfile
from pathlib import Path
from subprocess import CompletedProcess

import adapter_files
import pytest
import train
from loopback import SUBMISSION, run_script

ROWS = [{"id": f"r{i}", "instruction": "天地玄黃"[i % 4] * 3, "output": "宇宙洪荒"[i % 4] * 3} for i in range(24)]
OPTIONS = ("--num_epochs", "5", "--batch_size", "8", "--gradient_accumulation_steps", "1", "--learning_rate", "1e-2")
TWICE = """
import sys
import train
for output in sys.argv[1:3]:
    status = train.main([*sys.argv[3:], "--output_dir", output])
    assert status == 0, status
"""


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """Train twice with the same seed, in one process; give the parent of `first` and `second`, and what was printed."""
    folder = tmp_path_factory.mktemp("trained")
    rows = folder / "rows.json"
    rows.write_text(json.dumps(ROWS), encoding="utf-8")
    data = ("--train_file", rows, "--eval_file", rows)
    outputs = (folder / "first", folder / "second")
    ran = run_script(sys.executable, "-c", TWICE, *outputs, "--base_model", tiny_base, *data, *OPTIONS, cwd=SUBMISSION)
    assert ran.returncode == 0, ran.stderr
    return folder, ran


@pytest.mark.torch
def test_writes_adapter_zip_and_history_and_nothing_else(trained: tuple[Path, CompletedProcess[str]]) -> None:
    output = trained[0] / "first"
    assert sorted(p.name for p in output.iterdir()) == [
        "adapter_checkpoint",
        "adapter_checkpoint.zip",
        "training_history.json",
    ]
    with zipfile.ZipFile(output / "adapter_checkpoint.zip") as file:
        for name in adapter_files.ADAPTER_FILES:
            assert file.read(f"adapter_checkpoint/{name}") == (output / "adapter_checkpoint" / name).read_bytes()
        assert len(file.namelist()) == 2
    assert adapter_files.find_problem(output / "adapter_checkpoint") is None


@pytest.mark.torch
def test_weights_are_bf16_on_every_linear_layer(trained: tuple[Path, CompletedProcess[str]]) -> None:
    import torch
    from safetensors.torch import load_file

    folder = trained[0] / "first" / "adapter_checkpoint"
    weights = load_file(folder / adapter_files.WEIGHTS_NAME)
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    config = json.loads((folder / adapter_files.CONFIG_NAME).read_text())
    linear = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert config["target_modules"] == linear
    assert len(weights) == len(linear) * 2 * 2  # A and B, in two layers
    assert config["base_model_name_or_path"] == "Qwen3-test"
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (16, 32, "LORA")


@pytest.mark.torch
def test_same_seed_gives_the_same_bytes(trained: tuple[Path, CompletedProcess[str]]) -> None:
    first, second = (trained[0] / name / "adapter_checkpoint.zip" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.torch
def test_loss_falls_and_history_tells_it(trained: tuple[Path, CompletedProcess[str]]) -> None:
    history = json.loads((trained[0] / "first" / "training_history.json").read_text())
    eval_losses = [entry["eval_loss"] for entry in history["log"] if "eval_loss" in entry]
    assert len(eval_losses) == 5
    # Training goes on after an evaluation, which repacked 4-bit CPU weights would prevent.
    assert eval_losses[-1] < 0.6 * eval_losses[0]
    assert history["rows_used"] == 24
    assert history["settings"]["learning_rate"] == 0.01
    assert history["trainable_parameters"] > 0


@pytest.mark.torch
def test_prints_progress_and_no_warnings(trained: tuple[Path, CompletedProcess[str]]) -> None:
    printed = trained[1].stderr
    assert "step   15/15  epoch  5.00  loss" in printed
    assert "in bf16) and adapter_checkpoint.zip beside it" in printed
    assert "Warning" not in printed
    assert len(printed.splitlines()) < 2 * 30


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read {path}: No such file or directory; check the path"),
        ("[", "is not JSON in UTF-8: Expecting value"),
        ("[]", "must be a JSON array with at least one object in it"),
        ('{"instruction": "x"}', "must be a JSON array"),
        (
            '[{"instruction": "x", "output": "y"}, {"instruction": 3}]',
            "row 1 (counted from 0) has no text in the field(s) ",
        ),
    ],
)
def test_bad_data_is_refused_before_torch_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    rows = tmp_path / "rows.json"
    if content is not None:
        rows.write_text(content)
    output = tmp_path / "out"
    status = train.main(["--base_model", "x/y", "--train_file", str(rows), "--output_dir", str(output)])
    assert status == 2
    assert message.format(path=rows) in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--lora_rank", "0", "--lora_rank is 0; it must be above 0"),
        ("--num_epochs", "-1", "--num_epochs is -1.0; it must be above 0"),
        ("--warmup_ratio", "1", "--warmup_ratio is 1.0; it must be at least 0 and below 1"),
        ("--lora_dropout", "-0.1", "--lora_dropout is -0.1; it must be at least 0 and below 1"),
    ],
)
def test_numbers_out_of_range_are_refused(
    capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    status = train.main(["--base_model", "x", "--train_file", "t", "--output_dir", "o", f"{option}={value}"])
    assert status == 2
    assert capsys.readouterr().err == f"train.py: {message}\n"


def test_missing_base_folder_is_named(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(ROWS))
    command = ("--base_model", "./no-such-base", "--train_file", rows, "--output_dir", tmp_path / "out")
    ran = run_script(sys.executable, SUBMISSION / "train.py", *command)
    assert ran.returncode == 2
    assert "no base model at ./no-such-base: no such folder" in ran.stderr


def test_missing_package_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(ROWS))
    code = "import sys; sys.modules['torch'] = None; import train; sys.exit(train.main(sys.argv[1:]))"
    command = ("--base_model", "a/b", "--train_file", rows, "--output_dir", tmp_path / "out")
    ran = run_script(sys.executable, "-c", code, *command, cwd=SUBMISSION)
    assert ran.returncode == 4
    assert "the Python package torch cannot be imported" in ran.stderr
    assert "install: pip install torch transformers peft trl bitsandbytes" in ran.stderr


def test_help_answers_without_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; import train; train.main(['--help'])"
    ran = run_script(sys.executable, "-c", code, cwd=SUBMISSION)
    assert ran.returncode == 0
    for option in ("--train_file", "--output_dir", "--num_epochs", "--batch_size", "--learning_rate", "--seed"):
        assert option in ran.stdout


def test_base_name_is_never_a_path_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "Qwen3-4B").mkdir()
    assert adapter_files.base_name(str(tmp_path / "Qwen3-4B")) == "Qwen3-4B"
    assert adapter_files.base_name("Qwen/Qwen3-4B") == "Qwen/Qwen3-4B"
