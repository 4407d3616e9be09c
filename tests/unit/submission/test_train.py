"""train.py for real on a random two-layer Qwen3: what it writes and says, that the seed decides it, how it goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import train
import yaml
from adapter import files as adapter_files
from loopback import ROOT, SUBMISSION, run_script

ROWS = [
    {"id": f"r{i}", "instruction": "天地玄黃"[i % 4] * 3, "output": "宇宙洪荒"[i % 4] * (2 + i % 3)} for i in range(24)
]
# What contradicts the rows that are trained on: the better those are learned, the worse these get.
OTHERS = [{"id": f"e{i}", "instruction": "天地玄黃"[i % 4] * 3, "output": "洪荒宇宙"[i % 4] * 3} for i in range(8)]
RECIPE = ["--num_epochs", "5", "--examples_per_step", "8", "--learning_rate", "1e-2"]
KILLED = ["--num_epochs", "4", "--examples_per_step", "6", "--learning_rate", "1e-2", "--eval_every", "3"]
STEPS = 15  # of RECIPE; 16 of KILLED
# Ends the process as `kill -9` does, where it stands.
IN_A_STEP = """
import os
from training import trainer
step = trainer.Trainer.step
def dying(self, number, chosen):
    if number == 9:
        os.kill(os.getpid(), 9)
    return step(self, number, chosen)
trainer.Trainer.step = dying
"""
IN_A_SAVE = """
import os, torch
save = torch.save
def dying(value, path):
    save(value, path)
    if value["step"] == 9:
        path.write_bytes(path.read_bytes()[:100])
        os.kill(os.getpid(), 9)
torch.save = dying
"""
OUT_OF_MEMORY = """
import torch
from training import trainer
undo["pass"] = trainer.Trainer._pass
def short(self, batch, factor):
    if not self.model.get_base_model().is_gradient_checkpointing:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of 8 GiB")
    return undo["pass"](self, batch, factor)
trainer.Trainer._pass = short
"""
NEVER_ENOUGH = OUT_OF_MEMORY.replace("if not self.model.get_base_model().is_gradient_checkpointing:", "if True:")
BACK = "from training import trainer; trainer.Trainer._pass = undo['pass']"
NO_SHARING = """
from training import trial
undo["why"] = trial._why_apart
trial._why_apart = lambda *_: "this model mixes examples that share a row"
"""
SHARING = "from training import trial; trial._why_apart = undo['why']"


@dataclass
class Trained:
    """What the runs of this file left: a folder with an output for each name."""

    folder: Path
    statuses: dict[str, int]
    printed: str

    def said(self, name: str) -> str:
        """What was said after the settings."""
        lines = (self.folder / f"{name}.err").read_text().splitlines()
        settings = [line for line in lines if line.startswith(("settings: ", "  "))]
        assert not settings or " seed " in " ".join(settings)
        return "\n".join(line for line in lines if line not in settings) + "\n"

    def history(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / name / "training_history.json").read_text())
        return found

    def losses(self, name: str, key: str = "loss") -> list[float]:
        return [entry[key] for entry in self.history(name)["log"] if key in entry]

    def adapter(self, name: str) -> bytes:
        return (self.folder / name / "adapter_checkpoint.zip").read_bytes()


def _kill(folder: Path, name: str, options: list[str], code: str) -> None:
    """Begin a run that ends like one that was killed."""
    script = f"{code}\nimport sys, train\ntrain.main(sys.argv[1:])"
    ran = run_script(sys.executable, "-c", script, *options, "--output_dir", folder / name, cwd=SUBMISSION)
    assert ran.returncode == -signal.SIGKILL, ran.stderr


def _data(folder: Path, base: Path) -> list[str]:
    for name, rows in (("rows", ROWS), ("others", OTHERS), ("one", ROWS[:1]), ("fewer", ROWS[:20])):
        (folder / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    return ["--base_model", str(base), "--train_file", str(folder / "rows.json")]


def _run(folder: Path, plan: list[dict[str, Any]]) -> Trained:
    """Do what the plan says, in one process."""
    for run in plan:
        if "--output_dir" not in run["argv"]:
            run["argv"] = [*run["argv"], "--output_dir", str(folder / str(run["name"]))]
    (folder / "plan.json").write_text(json.dumps(plan))
    script = Path(__file__).with_name("runs.py")
    environment = os.environ | {"PYTHONPATH": str(SUBMISSION)}
    ran = run_script(sys.executable, script, folder / "plan.json", env=environment, timeout=400)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-3000:]
    return Trained(folder, json.loads((folder / "statuses.json").read_text()), ran.stdout + ran.stderr)


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    data = _data(folder, tiny_base)
    evaluated = [*data, *RECIPE, "--eval_file", str(folder / "rows.json")]
    one = [*data, "--train_file", str(folder / "one.json"), "--num_epochs", "2"]
    still = [*evaluated, "--lora_dropout", "0"]
    config = {"base_model": str(tiny_base), "train_file": str(folder / "rows.json"), "learning_rate": 1e-2}
    (folder / "config.yaml").write_text(yaml.safe_dump(config | {"num_epochs": 0.4, "seed": 7, "lora_rank": 4}))
    few = [*one, "--lora_targets", "q_proj,v_proj"]
    (folder / "one_row" / "adapter_checkpoint").mkdir(parents=True)
    (folder / "one_row" / "adapter_checkpoint" / "notes.txt").write_text("mine")
    again = [*few, "--output_dir", str(folder / "targets"), "--resume", "--eval_file", str(folder / "others.json")]
    plan: list[dict[str, Any]] = [
        {"name": "first", "argv": evaluated},
        {"name": "second", "argv": evaluated},
        {"name": "other_seed", "argv": [*evaluated, "--seed", "43"]},
        {"name": "packed", "argv": still},
        {"name": "apart", "argv": [*still, "--no-packing"]},
        {"name": "small", "argv": [*still, "--batch_tokens", "64", "--max_length", "64"]},
        {"name": "checkpointed", "argv": [*still, "--gradient_checkpointing", "on"]},
        {"name": "mixing", "argv": still, "before": NO_SHARING, "after": SHARING},
        {"name": "one_row", "argv": one},
        {"name": "yaml", "argv": ["--config", str(folder / "config.yaml"), "--seed", "8"]},
        {"name": "targets", "argv": few},
        {"name": "targets_again", "argv": again},
        {"name": "no_such_layers", "argv": [*one, "--lora_targets", "q_proj,query"]},
        {"name": "short", "argv": still, "before": OUT_OF_MEMORY, "after": BACK},
        {"name": "too_short", "argv": one, "before": NEVER_ENOUGH, "after": BACK},
        {"name": "diverged", "argv": [*data, "--learning_rate", "1e20", "--max_grad_norm", "1e9"]},
        {"name": "too_long", "argv": [*data, "--max_length", "8"]},
        {"name": "keep_4bit", "argv": [*one, "--keep_4bit"]},
        {"name": "paged", "argv": [*one, "--optimizer", "paged_adamw_8bit"]},
    ]
    return _run(folder, plan)


@pytest.fixture(scope="module")
def resumed(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One run in one go, the same killed twice and gone on with, and some that may not go on."""
    folder = tmp_path_factory.mktemp("resumed")
    options = [*_data(folder, tiny_base), *KILLED, "--eval_file", str(folder / "others.json")]
    _kill(folder, "in_a_step", options, IN_A_STEP)
    _kill(folder, "in_a_save", options, IN_A_SAVE)
    again = [*options, "--resume"]
    other = [*again, "--output_dir", str(folder / "whole")]
    plan: list[dict[str, Any]] = [
        {"name": "whole", "argv": options},
        {"name": "in_a_step", "argv": again},
        {"name": "in_a_save", "argv": again},
        {"name": "nothing", "argv": again},
        {"name": "other_rate", "argv": [*other, "--learning_rate", "3e-3", "--lora_rank", "8"]},
        {"name": "other_rows", "argv": [*other, "--train_file", str(folder / "fewer.json")]},
    ]
    return _run(folder, plan)


pytestmark = pytest.mark.filterwarnings("error")
needs_torch = pytest.mark.torch


@needs_torch
def test_writes_what_is_handed_in_and_nothing_half(trained: Trained) -> None:
    output = trained.folder / "first"
    assert sorted(p.name for p in output.iterdir()) == [
        "adapter_checkpoint",
        "adapter_checkpoint.zip",
        "checkpoints",
        "learning_curve.png",
        "learning_curve.svg",
        "training_config.yaml",
        "training_history.json",
    ]
    with zipfile.ZipFile(output / "adapter_checkpoint.zip") as file:
        for name in adapter_files.ADAPTER_FILES:
            assert file.read(f"adapter_checkpoint/{name}") == (output / "adapter_checkpoint" / name).read_bytes()
        assert len(file.namelist()) == 2
    assert adapter_files.find_problem(output / "adapter_checkpoint") is None
    assert (output / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert (
        "evaluation" in (output / "learning_curve.svg").read_text()
        or "<svg" in (output / "learning_curve.svg").read_text()
    )
    assert [path.name for path in (output / "checkpoints").iterdir() if path.name.startswith(".")] == []


@needs_torch
def test_weights_are_bf16_on_every_linear_layer(trained: Trained) -> None:
    import torch
    from safetensors.torch import load_file

    folder = trained.folder / "first" / "adapter_checkpoint"
    weights = load_file(folder / adapter_files.WEIGHTS_NAME)
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    config = json.loads((folder / adapter_files.CONFIG_NAME).read_text())
    linear = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert config["target_modules"] == linear
    assert len(weights) == len(linear) * 2 * 2  # A and B, in two layers
    assert config["base_model_name_or_path"] == "Qwen3-test"
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (16, 32, "LORA")


@needs_torch
def test_only_layers_that_are_named_get_an_adapter(trained: Trained) -> None:
    config = json.loads((trained.folder / "targets" / "adapter_checkpoint" / adapter_files.CONFIG_NAME).read_text())
    assert config["target_modules"] == ["q_proj", "v_proj"]
    assert (trained.statuses["no_such_layers"], "loading" in trained.said("no_such_layers")) == (2, False)
    assert "--lora_targets names query; the linear layers of " in trained.said("no_such_layers")
    assert " are down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj" in trained.said("no_such_layers")


@needs_torch
def test_a_finished_run_is_evaluated_on_rows_that_are_given_later(trained: Trained) -> None:
    assert "going on after step 2 of 2\n" in trained.said("targets_again")
    assert len(trained.losses("targets", "eval_loss")) == 1
    assert len(trained.losses("targets")) == 2


@needs_torch
def test_same_seed_gives_the_same_bytes_and_another_seed_others(trained: Trained) -> None:
    assert trained.adapter("first") == trained.adapter("second")
    assert trained.adapter("first") != trained.adapter("other_seed")


@needs_torch
def test_loss_falls_and_history_tells_it(trained: Trained) -> None:
    history = trained.history("first")
    eval_losses = trained.losses("first", "eval_loss")
    assert len(eval_losses) == 5
    # Training goes on after an evaluation, which repacked 4-bit CPU weights would prevent.
    assert eval_losses[-1] < 0.6 * eval_losses[0]
    assert len(trained.losses("first")) == STEPS
    assert (history["rows_used"], history["settings"]["learning_rate"]) == (24, 0.01)
    assert history["trainable_parameters"] > 0
    rates = trained.losses("first", "learning_rate")
    assert rates[0] == pytest.approx(1e-2)
    assert rates == sorted(rates, reverse=True) and 0 < rates[-1] < 2e-4


@needs_torch
@pytest.mark.parametrize("name", ["apart", "small", "checkpointed", "mixing", "short"])
def test_how_examples_are_fed_changes_nothing_that_is_learned(trained: Trained, name: str) -> None:
    assert trained.losses(name) == pytest.approx(trained.losses("packed"), rel=2e-3)
    assert trained.losses(name, "eval_loss") == pytest.approx(trained.losses("packed", "eval_loss"), rel=2e-3)


@needs_torch
def test_says_what_it_will_take_then_how_it_goes(trained: Trained) -> None:
    assert (trained.folder / "first.err").read_text().startswith("settings: base_model")
    warned, *lines = trained.said("first").splitlines()
    assert warned == "warning: the base model is Qwen3-test; the course takes adapters of Qwen3-4B, Qwen3-tiny"
    assert lines[0].endswith("Qwen3-test in 4 bits on cpu ...")
    assert lines[1].startswith("15 updates of 8 examples, ") and " tokens; the largest batch has " in lines[1]
    assert " s: about " in lines[1]
    assert "2 updates of 1 example, " in trained.said("one_row"), "a step has no more examples than there are"
    assert lines[2].startswith("step    1/15  epoch  0.33  loss ") and " tokens/s  " in lines[2]
    assert any(line.startswith("step   15/15  epoch  5.00  eval_loss ") for line in lines)
    assert "in bf16) and adapter_checkpoint.zip beside it" in lines[-1]
    assert len(lines) < 30
    assert "Warning" not in trained.printed


def tokens_to_go(base: Path, *, each: int, epochs: float, seed: int = 42, done: int = 0) -> str:
    """Count the tokens of the updates that are left, as the estimate says it."""
    from encoding import encode_example
    from training.batches import plan_steps
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    lengths = [len(encode_example(tokenizer, row["instruction"], row["output"])["input_ids"]) for row in ROWS]
    steps = list(plan_steps(len(ROWS), examples_per_step=each, epochs=epochs, seed=seed))[done:]
    return f", {sum(lengths[one] for _, chosen in steps for one in chosen):,} tokens; the largest batch has "


@needs_torch
def test_the_estimate_counts_the_updates_that_there_will_be(trained: Trained, tiny_base: Path) -> None:
    assert tokens_to_go(tiny_base, each=8, epochs=5) in trained.said("first")
    assert tokens_to_go(tiny_base, each=16, epochs=0.4, seed=8) in trained.said("yaml")


@needs_torch
@pytest.mark.slow
def test_the_best_adapter_is_handed_over_not_the_last(resumed: Trained) -> None:
    losses = resumed.losses("whole", "eval_loss")
    steps = [entry["step"] for entry in resumed.history("whole")["log"] if "eval_loss" in entry]
    best = steps[losses.index(min(losses))]
    assert losses[-1] > min(losses)  # or the test says nothing
    assert resumed.history("whole")["handed_over_step"] == best
    kept = resumed.folder / "whole" / "checkpoints" / f"step-{best:06}"
    for name in adapter_files.ADAPTER_FILES:
        assert (kept / name).read_bytes() == (resumed.folder / "whole" / "adapter_checkpoint" / name).read_bytes()
    last = resumed.folder / "whole" / "checkpoints" / "step-000016" / adapter_files.WEIGHTS_NAME
    assert last.read_bytes() != (kept / adapter_files.WEIGHTS_NAME).read_bytes()


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize(("name", "step"), [("in_a_step", 6), ("in_a_save", 6)])
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(
    resumed: Trained, tiny_base: Path, name: str, step: int
) -> None:
    assert f"going on after step {step} of 16" in resumed.said(name)
    assert resumed.said("whole").count("16 updates of ") == resumed.said(name).count(f"{16 - step} updates of ") == 1
    last = Path("checkpoints", "step-000016", adapter_files.WEIGHTS_NAME)
    assert (resumed.folder / name / last).read_bytes() == (resumed.folder / "whole" / last).read_bytes()
    assert tokens_to_go(tiny_base, each=6, epochs=4, done=step) in resumed.said(name)
    assert resumed.adapter(name) == resumed.adapter("whole")
    assert resumed.losses(name) == resumed.losses("whole")
    assert [path.name for path in (resumed.folder / name / "checkpoints").glob(".*")] == []


@needs_torch
@pytest.mark.slow
def test_going_on_by_another_recipe_is_refused_before_the_load(resumed: Trained) -> None:
    assert resumed.statuses["other_rate"] == resumed.statuses["other_rows"] == 2
    said = resumed.said("other_rate")
    assert "--resume goes on by the same recipe: --learning_rate was 0.01, is 0.003; --lora_rank was 16, is 8; " in said
    assert "the rows of --train_file (or the prompt, or the tokenizer) was " in resumed.said("other_rows")
    assert "loading" not in said + resumed.said("other_rows")
    assert "--resume: no checkpoint to go on from in " in resumed.said("nothing") and "loading" not in resumed.said(
        "nothing"
    )


@needs_torch
def test_a_file_gives_settings_and_flags_win(trained: Trained) -> None:
    settings = trained.history("yaml")["settings"]
    assert (settings["lora_rank"], settings["num_epochs"], settings["seed"]) == (4, 0.4, 8)
    written = yaml.safe_load((trained.folder / "yaml" / "training_config.yaml").read_text())
    assert (settings.pop("overwrite"), settings.pop("resume")) == (False, False)
    assert written == settings


@needs_torch
def test_one_row_is_trained_on(trained: Trained) -> None:
    assert trained.statuses["one_row"] == 0
    assert trained.history("one_row")["rows_used"] == 1 and len(trained.losses("one_row")) == 2


@needs_torch
def test_what_lay_beside_the_adapter_is_kept(trained: Trained) -> None:
    folder = trained.folder / "one_row" / "adapter_checkpoint"
    assert (folder / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in folder.iterdir()) == [*adapter_files.ADAPTER_FILES, "notes.txt"]
    assert f"{folder} held other things, which were kept: notes.txt\n" in trained.said("one_row")


@needs_torch
def test_short_memory_is_met_by_checkpointing_then_by_advice(trained: Trained) -> None:
    assert trained.statuses["short"] == 0
    assert "the largest batch does not fit: activations are computed twice from here on" in trained.said("short")
    assert trained.statuses["too_short"] == 2
    assert trained.said("too_short").splitlines()[-1] == (
        "train.py: the GPU ran out of memory (CUDA out of memory); try in this order: --batch_tokens 2048, "
        "--gradient_checkpointing on, --keep_4bit, --max_length 512 --batch_tokens 512"
    )


@needs_torch
def test_a_loss_that_is_no_number_ends_the_run(trained: Trained) -> None:
    assert trained.statuses["diverged"] == 2
    said = trained.said("diverged").splitlines()[-1]
    assert said.startswith("train.py: the ") and " at step " in said
    assert "; lower --learning_rate, or look for broken rows; the checkpoints before it are kept" in said
    assert not (trained.folder / "diverged" / "adapter_checkpoint").exists()


@needs_torch
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("too_long", "rows.json: no row has an answer within --max_length 8 tokens; raise it"),
        ("keep_4bit", "--keep_4bit needs a CUDA GPU, and none was found; leave the option out"),
        ("paged", "--optimizer paged_adamw_8bit needs a CUDA GPU, and none was found; use adamw"),
    ],
)
def test_what_cannot_work_is_said_before_the_model_is_loaded(trained: Trained, name: str, message: str) -> None:
    assert trained.statuses[name] == 2
    assert message in trained.said(name)
    assert "loading" not in trained.said(name)
    assert list((trained.folder / name).iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read {path}: No such file or directory; check the path"),
        ("[", "is not JSON in UTF-8: Expecting value"),
        ("[]", "must be a JSON array with at least one object in it"),
        ('{"instruction": "x"}\n{"instruction": "y"}', "is JSON lines, an object a line"),
        (
            '[{"instruction": "x", "output": "y"}, {"instruction": 3}]',
            "row 1 has no output; row 1 has 3 as instruction",
        ),
        ('[{"instruction": "x", "output": " "}]', "row 0 has an empty output"),
    ],
)
@pytest.mark.parametrize("flag", ["train_file", "eval_file"])
def test_bad_data_is_refused_before_torch_is_loaded(
    tmp_path: Path, content: str | None, message: str, flag: str
) -> None:
    (tmp_path / "good.json").write_text(json.dumps(ROWS))
    rows = tmp_path / "rows.json"
    if content is not None:
        rows.write_text(content)
    files = {"train_file": tmp_path / "good.json", flag: rows}
    command = [word for name, path in files.items() for word in (f"--{name}", path)]
    code = "import sys; sys.modules['torch'] = None; import train; sys.exit(train.main(sys.argv[1:]))"
    ran = run_script(
        sys.executable, "-c", code, "--base_model", "x/y", *command, "--output_dir", tmp_path / "out", cwd=SUBMISSION
    )
    assert ran.returncode == 2
    assert message.format(path=rows) in ran.stderr
    assert not (tmp_path / "out").exists()


def refused(tmp_path: Path, base: str, output: Path, code: str = "", *more: str) -> subprocess.CompletedProcess[str]:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(ROWS))
    script = f"import sys\n{code}\nimport train; sys.exit(train.main(sys.argv[1:]))"
    command = ("--base_model", base, "--train_file", rows, "--output_dir", output, *more)
    return run_script(sys.executable, "-c", script, *command, cwd=SUBMISSION)


def test_base_that_is_not_there_is_named_before_torch_is_loaded(tmp_path: Path) -> None:
    no_torch = "sys.modules['torch'] = None"
    ran = refused(tmp_path, "./no-such-base", tmp_path / "out", no_torch)
    assert (ran.returncode, "no base model at ./no-such-base: no such folder; give a" in ran.stderr) == (2, True)
    ran = refused(tmp_path, str(tmp_path), tmp_path / "out", no_torch)
    assert (ran.returncode, f"no base model in {tmp_path}: there is no config.json; give" in ran.stderr) == (2, True)
    (tmp_path / "adapter_config.json").touch()
    ran = refused(tmp_path, str(tmp_path), tmp_path / "out", no_torch)
    assert (ran.returncode, f"no base model in {tmp_path}: it holds an adapter; give" in ran.stderr) == (2, True)


def test_output_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    ran = refused(tmp_path, "x/y", tmp_path / "out", "sys.modules['torch'] = None")
    assert (ran.returncode, ran.stderr) == (2, f"train.py: --output_dir {tmp_path / 'out'} is a file; name a folder\n")


def test_settings_that_are_wrong_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    status = train.main(["--base_model", "x", "--train_file", "t", "--output_dir", "o", "--lora_rank=0"])
    assert (status, capsys.readouterr().err) == (2, "train.py: --lora_rank is 0; it must be above 0\n")


def test_missing_package_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    ran = refused(tmp_path, "a/b", tmp_path / "out", "sys.modules['torch'] = None")
    assert ran.returncode == 4
    assert "the Python package torch cannot be imported" in ran.stderr
    assert "install: pip install torch transformers peft bitsandbytes accelerate" in ran.stderr


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    stopped = "import files; files.read_rows = lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)"
    ran = refused(tmp_path, "a/b", tmp_path / "out", stopped)
    assert ran.returncode == 130
    assert ran.stderr == "train.py: stopped; there is no checkpoint yet: the same command begins anew\n"
    earlier = tmp_path / "out" / "checkpoints" / "step-000007"
    earlier.mkdir(parents=True)
    (earlier / "state.pt").touch()
    ran = refused(tmp_path, "a/b", tmp_path / "out", stopped, "--resume")
    assert ran.stderr == "train.py: stopped; the same command with --resume goes on from step-000007\n"
    ran = refused(tmp_path, "a/b", tmp_path / "out", stopped, "--overwrite")
    words = "the earlier run is still there, up to step-000007: the same command begins anew"
    assert ran.stderr == f"train.py: stopped; {words}\n"
    later = f"import pathlib; pathlib.Path({str(earlier.with_name('step-000009'))!r}).mkdir()"
    later += f"; pathlib.Path({str(earlier.with_name('step-000009') / 'state.pt')!r}).touch()"
    stops = f"import files\ndef stop(*_, **__):\n    {later}\n    raise KeyboardInterrupt\nfiles.read_rows = stop\n"
    ran = refused(tmp_path, "a/b", tmp_path / "out", stops, "--overwrite")
    words = "the same command with --resume in place of --overwrite goes on from step-000009"
    assert ran.stderr == f"train.py: stopped; {words}\n"


def test_an_earlier_run_is_not_lost_by_the_same_command(tmp_path: Path) -> None:
    earlier = tmp_path / "out" / "checkpoints" / "step-000007"
    earlier.mkdir(parents=True)
    (earlier / "state.pt").touch()
    ran = refused(tmp_path, "x/y", tmp_path / "out", "sys.modules['torch'] = None")
    assert (ran.returncode, ran.stderr) == (
        2,
        f"train.py: {tmp_path / 'out'} has an earlier run (step-000007 is its last checkpoint); --resume goes on from "
        "it, --overwrite removes it and begins anew, or name another --output_dir\n",
    )
    assert earlier.is_dir()


@needs_torch
@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("cut", "Qwen3-test: Error while deserializing header: "),
        ("shape", "is a file cut off or of another model? Get it again"),
        ("no_tokenizer", "Qwen3-test makes nothing of a text; is its tokenizer.json there?"),
        ("mistyped", "nothing: no such folder; give a folder or a hub name like Qwen/Qwen3-4B"),
    ],
)
def test_a_base_that_is_broken_is_named(tiny_base: Path, tmp_path: Path, broken: str, words: str) -> None:
    base = tmp_path / "Qwen3-test"
    shutil.copytree(tiny_base, base)
    if broken == "cut":
        with (base / "model.safetensors").open("r+b") as file:
            file.truncate(300_000)
    elif broken == "shape":
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps(config | {"hidden_size": 2 * config["hidden_size"]}))
    elif broken == "no_tokenizer":
        for path in base.glob("token*"):
            path.unlink()
    named = str(base) if broken != "mistyped" else "Qwen3-test/nothing"
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    argv = ["--base_model", named, "--train_file", "rows.json", "--output_dir", "out"]
    ran = run_script(sys.executable, SUBMISSION / "train.py", *argv, cwd=tmp_path)
    assert (ran.returncode, "Traceback" in ran.stderr) == (2, False)
    assert words in ran.stderr.splitlines()[-1]


def test_an_adapter_that_lies_there_is_not_lost(tmp_path: Path) -> None:
    for name in ("adapter_checkpoint", "checkpoints"):
        (tmp_path / "out" / name).mkdir(parents=True)
    for name in ("adapter_checkpoint/adapter_model.safetensors", "adapter_checkpoint.zip"):
        (tmp_path / "out" / name).write_text("x")
    ran = refused(tmp_path, "x/y", tmp_path / "out", "sys.modules['torch'] = None")
    words = "holds adapter_checkpoint/adapter_model.safetensors, adapter_checkpoint.zip; --overwrite replaces that, or"
    assert (ran.returncode, ran.stderr) == (2, f"train.py: {tmp_path / 'out'} {words} name another --output_dir\n")


@pytest.mark.parametrize("more", [[], ["--overwrite"], ["--resume"]], ids=["anew", "overwrite", "resume"])
@pytest.mark.parametrize(
    "name", ["adapter_checkpoint.zip/x", "adapter_checkpoint/adapter_config.json/x", "checkpoints"]
)
def test_other_things_in_the_places_of_files_are_found_first(tmp_path: Path, name: str, more: list[str]) -> None:
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    ran = refused(tmp_path, "x/y", tmp_path / "out", "sys.modules['torch'] = None", *more)
    seen = "file, where a folder" if name == "checkpoints" else "folder, where a file"
    words = f"train.py: {path if name == 'checkpoints' else path.parent} is a {seen} is to be written; move it, or name"
    assert (ran.returncode, ran.stderr) == (2, f"{words} another --output_dir\n")
    assert path.read_text() == "mine"


def test_fields_that_are_not_used_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([ROWS[0], ROWS[1] | {"input": "x", "source": "y"}]))
    command = ["--base_model", "x/y", "--train_file", str(rows), "--output_dir", str(tmp_path / "out")]
    train.read_data(train.read_settings(command))
    assert capsys.readouterr().err == f"{rows}: not used, as only instruction and output are: input, source\n"


def test_folder_that_cannot_be_written_is_found_before_anything_is_loaded(tmp_path: Path) -> None:
    ran = refused(tmp_path, "x/y", Path("/proc/x"), "sys.modules['torch'] = None")
    assert ran.returncode == 2
    assert ran.stderr.startswith("train.py: cannot write into --output_dir /proc/x: ")
    assert ran.stderr.endswith("; name another folder\n")


def test_base_name_is_never_a_path_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "Qwen3-4B").mkdir()
    assert adapter_files.base_name(str(tmp_path / "Qwen3-4B")) == "Qwen3-4B"
    assert adapter_files.base_name("Qwen/Qwen3-4B") == "Qwen/Qwen3-4B"


def test_every_file_of_the_submission_can_be_read_in_one_go() -> None:
    assert {p.name: n for p in SUBMISSION.rglob("*.py") if (n := len(p.read_text().splitlines())) >= 300} == {}
    assert ROOT / "submission" == SUBMISSION
