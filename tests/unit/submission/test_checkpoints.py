"""Checkpoints are whole or not there, the state lies in the last one alone, and what cannot be read is named."""

import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from files import InputError
from loopback import SUBMISSION, run_script
from settings import Settings
from training.hand_over import recipe, refuse_other_recipe

# transformers asks PEFT for names of its own that it has given up.
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")]
torch = pytest.importorskip("torch")

from adapter.files import ADAPTER_FILES  # noqa: E402
from training import checkpoints as module  # noqa: E402
from training.checkpoints import (  # noqa: E402
    checkpoints,
    forget_earlier,
    forget_halves,
    last_state,
    leftovers,
    refuse_lost_best,
    save_checkpoint,
)
from training.lora import add_adapter  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402


@pytest.fixture(scope="module")
def model() -> Any:
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    base = LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=16))
    return add_adapter(base, Settings(base_model="x", train_file=Path("x"), output_dir=Path("x")))


def save(output: Path, model: Any, step: int) -> Path:
    return save_checkpoint(output, model, step=step, base_model="x/Base", state={"step": step, "best": (1.5, 3)})


def test_adapters_of_all_stay_and_the_state_of_the_last(tmp_path: Path, model: Any) -> None:
    folders = [save(tmp_path, model, step) for step in (2, 10, 100)]
    assert checkpoints(tmp_path) == folders
    for folder in folders:
        assert {path.name for path in folder.iterdir()} - {module.STATE} == set(ADAPTER_FILES)
    assert [(folder / module.STATE).exists() for folder in folders] == [False, False, True]
    assert last_state(tmp_path) == {"step": 100, "best": (1.5, 3)}


def test_a_step_that_comes_again_replaces_its_checkpoint(tmp_path: Path, model: Any) -> None:
    folder = save(tmp_path, model, 2)
    before = (folder / module.STATE).read_bytes()
    (folder / module.STATE).write_text("old")
    assert save(tmp_path, model, 2) == folder
    assert (folder / module.STATE).read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_nothing_to_go_on_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"--resume: no checkpoint to go on from in .*checkpoints; leave the option out to begin"
    ):
        last_state(tmp_path)
    (tmp_path / "checkpoints" / "step-000002").mkdir(parents=True)
    (tmp_path / "checkpoints" / "step-000002" / "adapter_model.safetensors").touch()
    with pytest.raises(InputError, match=r"; give --overwrite in its place to begin anew"):
        last_state(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 half a file", "half"])
def test_a_state_that_cannot_be_read_is_named(tmp_path: Path, model: Any, content: bytes | str) -> None:
    save(tmp_path, model, 2)
    (state,) = tmp_path.glob("checkpoints/*/state.pt")
    state.write_bytes(content if isinstance(content, bytes) else state.read_bytes()[: state.stat().st_size // 2])
    with pytest.raises(
        InputError,
        match=r"--resume: .*step-000002/state\.pt is cut off, damaged or no state of train\.py; begin anew with --ov",
    ):
        last_state(tmp_path)


def test_what_a_killed_run_left_half_written_goes(tmp_path: Path, model: Any) -> None:
    folder = save(tmp_path, model, 2)
    killed = f"""
import os, signal, sys
from pathlib import Path
import files
at = Path({str(tmp_path)!r})
files.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
inside = files.scratch_folder(at / "checkpoints" / "step-000002" / "new")
with files.scratch_folder(at / "checkpoints" / "step-000004"), files.scratch_folder(at / "adapter_checkpoint"), inside:
    files.write_text(at / "training_history.json", "{{}}")
"""
    ran = run_script(sys.executable, "-c", killed, cwd=SUBMISSION)
    assert ran.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 3 and len(list(folder.parent.iterdir())) == 2
    assert len(list(folder.glob(".new*"))) == 1
    for name in (".adapter_checkpoint.download", ".training_notes"):
        (tmp_path / name).mkdir()
    (tmp_path / ".training_notes.md").write_text("mine")
    assert checkpoints(tmp_path) == [folder]
    forget_halves(tmp_path)
    assert list(folder.glob(".*")) == []
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    mine = [".adapter_checkpoint.download", ".training_notes", ".training_notes.md"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*mine, "checkpoints"]


def test_ctrl_c_while_a_checkpoint_is_replaced_leaves_the_one_before(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, model, 2)
    rename = Path.rename

    def stopped(self: Path, target: Path) -> Path:
        rename(self, target)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, model, step=2, base_model="x/Base", state={"step": 3})
    assert last_state(tmp_path)["step"] == 2


def test_those_of_an_earlier_run_go_with_a_word(tmp_path: Path, model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    forget_earlier(tmp_path)
    assert capsys.readouterr().err == ""
    save(tmp_path, model, 2)
    (tmp_path / "adapter_checkpoint").mkdir()
    for name in ("adapter_checkpoint/adapter_config.json", "adapter_checkpoint.zip", "training_history.json"):
        (tmp_path / name).write_text("{}")
    forget_earlier(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints", "training_history.json"]
    names = "checkpoints/step-000002, adapter_checkpoint/adapter_config.json, adapter_checkpoint.zip"
    words = f"removing an earlier run in {tmp_path}: {names}\n"
    assert words in capsys.readouterr().err
    assert checkpoints(tmp_path) == []


def test_files_of_others_stay_and_links_are_not_followed(tmp_path: Path, model: Any) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "my_other_model.pt").write_text("x")
    output = tmp_path / "out"
    output.mkdir()
    (output / "checkpoints").symlink_to(elsewhere)
    (output / "adapter_checkpoint").symlink_to(elsewhere)
    save(output, model, 2)
    forget_earlier(output)
    assert [path.name for path in elsewhere.iterdir()] == ["my_other_model.pt"]
    assert [path.name for path in output.iterdir()] == ["checkpoints"]


def test_notes_beside_an_earlier_run_stay(tmp_path: Path, model: Any) -> None:
    folder, step = tmp_path / "adapter_checkpoint", save(tmp_path, model, 2)
    folder.mkdir()
    for name in ADAPTER_FILES:
        (folder / name).write_text("x")
    (step.parent / "step-99").mkdir()
    notes = [one / "notes.txt" for one in (folder, step, step.parent / "step-99")]
    for path in notes:
        path.write_text("mine")
    forget_earlier(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(notes)
    assert leftovers(tmp_path) == []


def test_a_removal_that_is_cut_short_leaves_nothing_to_go_on_from(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (2, 4):
        save(tmp_path, model, step)

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rmdir", stopped)
    with pytest.raises(KeyboardInterrupt):
        forget_earlier(tmp_path)
    with pytest.raises(InputError, match="no checkpoint to go on from"):
        last_state(tmp_path)


def test_a_best_adapter_that_is_gone_is_named(tmp_path: Path, model: Any) -> None:
    folder = save(tmp_path, model, 2)
    refuse_lost_best(tmp_path, 2)
    (folder / ADAPTER_FILES[0]).unlink()
    with pytest.raises(
        InputError, match=r"step-000002 is the best so far, and adapter_config\.json is gone; begin anew"
    ):
        refuse_lost_best(tmp_path, 2)


@pytest.mark.parametrize("most_bytes", [100, 200_000], ids=["adapter", "state"])
def test_a_disk_that_takes_no_more_is_said_and_the_checkpoint_before_it_stays(
    tmp_path: Path, model: Any, most_bytes: int
) -> None:
    save(tmp_path, model, 2)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, usual[1]))  # writing more fails, as on a full disk
    try:
        with pytest.raises(
            InputError, match=r"step-000004 \(.*; make room, then --resume goes on from the one before it"
        ):
            save_checkpoint(tmp_path, model, step=4, base_model="x/Base", state={"large": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-000002"]
    assert list((tmp_path / "checkpoints").glob(".*")) == []
    assert last_state(tmp_path)["step"] == 2


def settings(**changes: Any) -> Settings:
    return Settings(**{"base_model": "x/Base", "train_file": Path("a"), "output_dir": Path("o"), **changes})


ROWS: Any = [{"input_ids": [1, 2], "labels": [-100, 2]}]


def test_where_things_lie_and_what_fits_into_memory_may_change() -> None:
    changes = {"base_model": "/models/Base", "train_file": Path("b"), "batch_tokens": 2048, "keep_4bit": True}
    changes |= {"gradient_checkpointing": "on", "eval_every": 7, "resume": True, "cuda_graphs": False}
    before = recipe(settings(lora_targets="q_proj,v_proj"), ROWS)
    refuse_other_recipe(before, recipe(settings(lora_targets="v_proj q_proj", **changes), ROWS))


def test_another_base_of_the_same_name_is_another_recipe(tmp_path: Path) -> None:
    one, other = (tmp_path / place / "Base" for place in ("one", "other"))
    for folder, text in ((one, b"x" * 5_000_000), (other, b"x" * 4_000_000 + b"y" * 1_000_000)):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(text)
    before, now = (recipe(settings(base_model=str(folder)), ROWS) for folder in (one, other))
    with pytest.raises(InputError, match=r"the files of the base model was \w+, is \w+; put it back"):
        refuse_other_recipe(before, now)


def test_what_is_learned_may_not_change_and_what_differs_is_named() -> None:
    other = recipe(settings(learning_rate=1e-3, lora_rank=8, base_model="x/Other"), [*ROWS, *ROWS])
    with pytest.raises(InputError) as refused:
        refuse_other_recipe(recipe(settings(), ROWS), other)
    words = str(refused.value)
    assert "the base model was Base, is Other; --learning_rate was 0.0002, is 0.001; --lora_rank was 16, is 8" in words
    assert "; the rows of --train_file (or the prompt, or the tokenizer) was " in words
    assert words.endswith("; put it back, or begin anew")
