"""The notebook is what notebook.py writes, and its cells run from the first to the last on the tiny base."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import notebook
import pytest
from loopback import ROOT, SUBMISSION

nbformat = pytest.importorskip("nbformat")
ROWS = [
    {"id": f"r{i}", "instruction": "天地玄黃"[i % 4] * 3, "output": "宇宙洪荒"[i % 4] * (2 + i % 3)} for i in range(12)
]

OTHERS = [
    {"id": f"e{i}", "instruction": "日月盈昃"[i % 4] * (3 + i), "output": "辰宿列張"[i % 4] * 2} for i in range(5)
]


def test_the_notebook_is_the_one_that_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert notebook.main([str(tmp_path / "new.ipynb")]) == 0
    assert capsys.readouterr().err == f"wrote {tmp_path / 'new.ipynb'}\n"
    assert (tmp_path / "new.ipynb").read_bytes() == notebook.DEFAULT.read_bytes(), "run submission/notebook.py"
    nbformat.validate(nbformat.read(notebook.DEFAULT, as_version=4))


@pytest.mark.parametrize(("place", "seen"), [("file/new.ipynb", "File exists"), ("folder", "Is a directory")])
def test_a_place_that_cannot_be_written_to_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, seen: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert notebook.main([str(tmp_path / place)]) == 2
    message = f"notebook.py: cannot write {tmp_path / place}: {seen}; name another OUTPUT\n"
    assert capsys.readouterr().err == message


def test_cells_call_scripts_that_are_there_and_hold_no_logic() -> None:
    code = "\n".join(text for kind, text in notebook.cells() if kind == "code")
    for name in ("train.py", "predict.py", "pack.py"):
        assert f'{{SCRIPTS}}/{name}"' in code
        assert (SUBMISSION / name).is_file()
    assert not any(word in code for word in ("import torch", "transformers import", "def ", "class "))


@pytest.mark.parametrize(
    ("code", "made", "scripts"),
    [
        ("code", ["code/submission", "x/submission"], "code/submission"),
        (".", ["submission", "a/submission"], "submission"),
        ("mine", ["mine/r13921031/submission", "code/submission"], "mine/r13921031/submission"),
        ("code.zip", ["zipped/repository/submission"], "code/repository/submission"),
        ("repository", ["repository/submission"], "repository/submission"),
    ],
)
def test_a_folder_of_code_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, made: list[str], scripts: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in made:
        Path(folder).mkdir(parents=True)
        Path(folder, "train.py").touch()
    if code.endswith(".zip"):
        shutil.make_archive("code", "zip", "zipped")
    before = sorted(tmp_path.rglob("*"))
    for _ in range(2):
        names: dict[str, Any] = {"CODE": code}
        exec(notebook.FETCH, names)
        assert names["SCRIPTS"] == Path(scripts)
    assert code.endswith(".zip") or sorted(tmp_path.rglob("*")) == before


def test_a_folder_without_code_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match=f"no submission/train.py in {tmp_path}; set CODE"):
        exec(notebook.FETCH, {"CODE": "."})


def test_help_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        notebook.main(["--help"])
    assert not list(tmp_path.iterdir())


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "nbformat", None)
    assert notebook.main([]) == 4
    assert "nbformat is missing; install: pip install nbformat" in capsys.readouterr().err


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_all_cells_run(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    (tmp_path / "rows.json").write_text(json.dumps(ROWS), encoding="utf-8")
    (tmp_path / "dev.json").write_text(json.dumps(OTHERS), encoding="utf-8")
    shutil.copytree(tiny_base, tmp_path / "Qwen3-tiny")  # the grader would not take an adapter of another name
    code = tmp_path / "repository"
    code.mkdir()
    for name in ("run.sh", "download.sh", "submission"):
        (code / name).symlink_to(ROOT / name)
    names = {
        "CODE": str(code),
        "BASE_MODEL": "./Qwen3-tiny",
        "TRAIN_FILE": "rows.json",
        "EVAL_FILE": "dev.json",
        "TRAIN_OPTIONS": "--num_epochs 2 --examples_per_step 4",
        "PREDICT_OPTIONS": "--max_new_tokens 8",
        "EVALUATE_OPTIONS": "",
        "OUTPUT": "out",
        "STUDENT_ID": "r13921031",
        "ADAPTER_LINK": "https://example.org/adapter_checkpoint.zip",
    }
    book: Any = nbformat.read(notebook.DEFAULT, as_version=4)
    settings = next(cell for cell in book.cells if cell.source.startswith("CODE = "))
    assert [line.split(" = ")[0] for line in settings.source.splitlines()] == list(names)
    settings.source = "\n".join(f"{name} = {value!r}" for name, value in names.items())
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    client = nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = {
        cell.id: "".join(one.get("text", "") for one in cell.outputs) for cell in book.cells if "outputs" in cell
    }
    printed = "\n".join(outputs.values())
    assert "6 updates of 4 examples" in printed
    assert len(json.loads((tmp_path / "predictions.json").read_text())) == len(OTHERS)
    assert "the grader's gate has nothing against it" in printed
    assert (tmp_path / "r13921031.zip").is_file()
    assert (tmp_path / "evaluation" / "report.md").is_file()
    images = [
        one for cell in book.cells if "outputs" in cell for one in cell.outputs if "image/png" in one.get("data", {})
    ]
    assert len(images) == 1
