"""run.sh and predict.py for real on a random two-layer Qwen3, and what they say of bad input."""

import json
import shutil
import sys
from pathlib import Path

import predict
import pytest
from loopback import ROOT, SUBMISSION, adapter_entries, run_script, write_adapter

LENGTHS = (5, 1, 40, 12, 3)
ROWS = [{"id": f"q-{n}", "instruction": ("天地玄黃宇宙洪荒" * 5)[:n]} for n in LENGTHS]
BATCHES = """
import sys
import predict
for size, output in (("1", "one.json"), ("2", "two.json"), ("8", "all.json")):
    status = predict.main([*sys.argv[1:], output, "--batch_size", size, "--max_new_tokens", "20"])
    assert status == 0, status
"""


@pytest.fixture(scope="module")
def work(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with `base`, `adapter` (random weights, so that it changes every answer) and `input.json`."""
    folder = tmp_path_factory.mktemp("predict")
    (folder / "base").symlink_to(tiny_base)
    (folder / "adapter").symlink_to(tiny_base.parent / "adapter")
    (folder / "input.json").write_text(json.dumps(ROWS), encoding="utf-8")
    return folder


@pytest.mark.torch
@pytest.mark.slow
def test_answers_do_not_depend_on_the_batch(work: Path) -> None:
    # The folder of the code goes first on the path by hand: the outputs are relative to where the command stands.
    code = f"import sys; sys.path.insert(0, {str(SUBMISSION)!r}){BATCHES}"
    ran = run_script(sys.executable, "-c", code, "base", "adapter", "input.json", cwd=work)
    assert ran.returncode == 0, ran.stderr
    one, two, everything = (json.loads((work / f"{name}.json").read_text()) for name in ("one", "two", "all"))
    assert [row["id"] for row in one] == [row["id"] for row in ROWS]
    assert all(row["output"] for row in one)
    assert len({row["output"] for row in one}) > 1
    assert one == two == everything
    assert "5/5 answered" in ran.stderr
    assert "Warning" not in ran.stderr


@pytest.mark.torch
@pytest.mark.slow
def test_run_sh_takes_relative_paths_from_anywhere_and_needs_no_network(work: Path) -> None:
    no_network = {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HOME": str(work),
        "OMP_NUM_THREADS": "1",
    }
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    command = ("bash", ROOT / "run.sh", "base", "adapter", "./input.json", "made/here.json")
    ran = run_script(*command, cwd=work, env={"PATH": path, **no_network})
    assert ran.returncode == 0, ran.stderr
    rows = json.loads((work / "made" / "here.json").read_text(encoding="utf-8"))
    assert [set(row) for row in rows] == [{"id", "output"}] * len(ROWS)
    assert [p.name for p in (work / "made").iterdir()] == ["here.json"]


UNFIT = """
import shutil
import sys
from pathlib import Path
import predict
import torch
from safetensors.torch import load_file, save_file
base, adapter, rows = sys.argv[1:]
WAYS = {
    "renamed": lambda t: {name.replace("layers", "blocks"): one for name, one in t.items()},
    "half": lambda t: {name: one for name, one in t.items() if "layers.1." not in name},
    "many": lambda t: t | {name.replace("layers.1.", "layers.7."): one.clone() for name, one in t.items()},
    "wide": lambda t: {name: torch.cat([one, one], dim=1) if "lora_A" in name else one for name, one in t.items()},
    "whole": lambda t: t,
}
for name, spoil in WAYS.items():
    shutil.copytree(adapter, name)
    weights = Path(name) / "adapter_model.safetensors"
    save_file(spoil(load_file(weights)), weights, metadata={"format": "pt"})
    print(name, predict.main([base, name, rows, f"{name}.json", "--max_new_tokens", "2"]))
config = Path(name) / "adapter_config.json"
config.write_text(config.read_text().replace('"r": 4', '"r": 2'))
print("ranked", predict.main([base, name, rows, "ranked.json"]))
config.write_text("{}")
print("bare", predict.main([base, name, rows, "bare.json"]))
"""


@pytest.mark.torch
@pytest.mark.slow
def test_an_adapter_with_other_tensors_than_the_models_is_refused(work: Path, tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(SUBMISSION)!r}){UNFIT}"
    places = (work / "base", work / "adapter", work / "input.json")
    ran = run_script(sys.executable, "-W", "ignore", "-c", code, *places, cwd=tmp_path)
    assert ran.stdout == "renamed 2\nhalf 2\nmany 2\nwide 2\nwhole 0\nranked 2\nbare 2\n", ran.stderr
    lines = [line for line in ran.stderr.splitlines() if line.startswith("predict.py: ")]
    renamed, half, many, wide, ranked, bare = lines
    name = "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"
    assert f"it has what the model has no place for {name.replace('layers.1', 'blocks.0')}, " in renamed
    assert "it lacks base_model.model.model.layers.0." in renamed
    assert half.startswith(f"predict.py: half/adapter_model.safetensors does not fit the model: it lacks {name}, ")
    assert f"no place for {name.replace('layers.1', 'layers.7')}, " in many
    assert many.endswith(" and 11 more; take the base and the adapter of one training run")
    assert wide == (
        f"predict.py: the adapter in wide does not fit the base model {work / 'base'}: "
        "model.layers.0.mlp.down_proj is 64 x 256 in the adapter, 64 x 128 in the base, and 13 more differ; "
        "it was trained on Qwen3-test: take the base and the adapter of one training run"
    )
    assert ran.stderr.count("loading ") == len(lines), "all but the wide one and the one that is whole are loaded"
    assert (
        " is [4, 64] in adapter_model.safetensors, and must be [2, 64] by adapter_config.json on this base, and "
        in ranked
    )
    assert ranked.endswith("27 more differ; take the base and the adapter of one training run")
    assert "whole/adapter_config.json like this (KeyError: 'peft_type'); train or download again" in bare
    assert [path.name for path in tmp_path.glob("*.json")] == ["whole.json"]


@pytest.mark.parametrize("count", [0, 3, 5])
def test_run_sh_wants_four_arguments(count: int, tmp_path: Path) -> None:
    ran = run_script("bash", ROOT / "run.sh", *["x"] * count, cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == f"usage: bash run.sh BASE ADAPTER INPUT OUTPUT (4 arguments, got {count})\n"


def as_zip(folder: Path) -> None:
    shutil.make_archive(str(folder), "zip", folder)
    shutil.rmtree(folder)
    folder.with_suffix(".zip").rename(folder)


def as_output_of_training(folder: Path) -> None:
    (inside := folder / "adapter_checkpoint").mkdir()
    for path in folder.glob("adapter_*.*"):
        path.rename(inside / path.name)


def as_checkpoints(folder: Path) -> None:
    for step in (5, 20, 30):
        shutil.copytree(folder, folder.parent / "steps" / f"step-{step:06}")
    (folder.parent / "steps" / "step-000030" / "adapter_config.json").unlink()
    shutil.rmtree(folder)
    (folder.parent / "steps").rename(folder)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_whole_model(folder: Path) -> None:
    (folder / "adapter_config.json").rename(folder / "config.json")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "adapter" / "adapter_config.json").unlink(), "adapter_config.json missing"),
        (lambda d: (d / "adapter" / "adapter_config.json").write_text("{"), "adapter_config.json is not JSON"),
        (lambda d: (d / "adapter" / "adapter_model.safetensors").write_bytes(b"<html>"), "no safetensors file"),
        (
            lambda d: shutil.rmtree(d / "adapter"),
            "adapter: there is no such folder; run download.sh or train.py first",
        ),
        (
            lambda d: as_checkpoints(d / "adapter"),
            "adapter: it holds the checkpoints of a run; give one of them, like {folder}/adapter/step-000020\n",
        ),
        (lambda d: (d / "in.json").unlink(), "INPUT: there is no file {folder}/in.json; the order is BASE ADAPTER"),
        (
            lambda d: as_folder(d / "in.json"),
            "INPUT: {folder}/in.json is a folder; the order is BASE ADAPTER INPUT OUTPUT\n",
        ),
        (lambda d: as_zip(d / "adapter"), "adapter: it is a file; give the folder that holds the two files"),
        (lambda d: as_output_of_training(d / "adapter"), "adapter/adapter_checkpoint, which is one"),
        (lambda d: as_whole_model(d / "adapter"), "adapter: it holds a whole model; give the adapter's folder here"),
        (
            lambda d: (d / "in.json").write_text('[{"id": "a"}]'),
            "row 0 has no instruction",
        ),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: object, message: str
) -> None:
    assert callable(spoil)
    write_adapter(tmp_path / "adapter")
    (tmp_path / "in.json").write_text(json.dumps(ROWS))
    spoil(tmp_path)
    places = [str(tmp_path / name) for name in ("base", "adapter", "in.json", "out.json")]
    assert predict.main(places) == 2
    assert message.replace("{folder}", str(tmp_path)) in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def weights(header: str) -> bytes:
    return len(header).to_bytes(8, "little") + header.encode()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("adapter_config.json", b"[" * 100_000, "adapter_config.json is not JSON"),
        ("adapter_config.json", b"[]", "adapter_config.json is no JSON object"),
        ("adapter_model.safetensors", weights("[" * 100_000), "is broken: its header is no JSON object"),
        (
            "adapter_model.safetensors",
            weights('{"a": {"dtype": "I8", "shape": [0], "data_offsets": [0, "x"]}}'),
            "a has no proper shape or offsets",
        ),
        (
            "adapter_model.safetensors",
            weights('{"a": {"dtype": "I8", "shape": [0], "data_offsets": [0, 0.5]}}'),
            "a has no proper shape or offsets",
        ),
        (
            "adapter_model.safetensors",
            weights('{"a": {"dtype": "I8", "shape": [0], "data_offsets": [0, null]}}'),
            "a has no proper shape or offsets",
        ),
        ("adapter_model.safetensors", weights('{"a": {"data_offsets": [0, 0]}}'), "is broken: a is not described by"),
    ],
)
def test_odd_files_of_an_adapter_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, message: str
) -> None:
    places = written(tmp_path, tmp_path / "out.json")
    (tmp_path / name).write_bytes(content)
    assert predict.main(places) == 2
    assert message in capsys.readouterr().err


def test_truncated_weights_are_told_by_their_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in adapter_entries().items():
        (tmp_path / name).write_bytes(content[:-3] if name.endswith("safetensors") else content)
    (tmp_path / "in.json").write_text(json.dumps(ROWS))
    assert predict.main(["base", str(tmp_path), str(tmp_path / "in.json"), str(tmp_path / "out.json")]) == 2
    assert "bytes where its header promises" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--batch_size", "0"), "--batch_size is 0; it must be at least 1"),
        (("--max_new_tokens", "-1"), "--max_new_tokens is -1; it must be at least 1"),
        (("--temperature", "nan"), "--temperature is nan; it must be 0, or between 0.001 and 1000.0"),
        (("--temperature", "inf"), "--temperature is inf; it must be 0, or between 0.001 and 1000.0"),
        (("--temperature", "1e-40"), "--temperature is 1e-40; it must be 0, or between 0.001 and 1000.0"),
        (("--temperature", "-1"), "--temperature is -1.0; it must be 0, or between 0.001 and 1000.0"),
        (("--temperature", "1", "--top_p", "0"), "--top_p is 0.0; it must be above 0 and at most 1"),
        (("--top_p", "0.9"), "--top_p changes nothing without --temperature: give one above 0, or leave --top_p out"),
        (("--stop", ""), "--stop is empty; give the text that ends an answer"),
    ],
)
def test_options_out_of_range_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert predict.main(["base", str(tmp_path), "in.json", str(tmp_path / "out.json"), *options]) == 2
    assert capsys.readouterr().err == f"predict.py: {message}\n"


def written(folder: Path, output: Path) -> list[str]:
    """Write adapter and input into a folder, and give the arguments."""
    write_adapter(folder)
    (folder / "in.json").write_text(json.dumps(ROWS))
    return ["x/y", str(folder), str(folder / "in.json"), str(output)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must be a JSON array with at least one object in it"),
        ('[{"id": "a", "instruction": 3}]', "row 0 has 3 as instruction, which must be text"),
        ('[{"id": "a", "instruction": ""}]', "row 0 has an empty instruction"),
        ('[{"id": "a", "instruction": "b"}, {"id": "a", "instruction": "c"}]', "row 1 has the id a of row 0"),
        ('{"id": "a", "instruction": "b"}\n{"id": "c", "instruction": "d"}', "is JSON lines, an object a line"),
    ],
)
def test_rows_that_cannot_be_answered_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (tmp_path / "in.json").write_text(text, encoding="utf-8")
    assert predict.main(["base", str(tmp_path), str(tmp_path / "in.json"), str(tmp_path / "out.json")]) == 2
    assert message in capsys.readouterr().err
