"""The shipped sentences and the tiny base made from them: split by pair, both directions, same input same bytes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SPLITS = ("train", "public", "private")
# Characters that Big5 has, though Traditional text writes them otherwise (體 臺 萬 禮 爾 號 蟲 雲).
SIMPLIFIED_IN_BIG5 = frozenset("体台万礼尔号虫云")
Rows = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "assignments" / "classical-chinese"


@pytest.fixture(scope="module")
def rows(folder: Path) -> Rows:
    return {split: json.loads((folder / "data" / f"{split}.json").read_text(encoding="utf-8")) for split in SPLITS}


@pytest.fixture(scope="module")
def pairs(folder: Path) -> list[list[str]]:
    return [line.split("\t") for line in (folder / "data" / "pairs.tsv").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of the data and the scripts, to be spoilt."""
    return Path(shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__", "*.yaml")))


def run(script: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, script, *words], capture_output=True, text=True, check=False, env=environment
    )


def pair_number(row: dict[str, str]) -> str:
    return row["id"].split("-")[1]


def test_at_least_200_pairs_of_8_to_60_characters(pairs: list[list[str]]) -> None:
    assert len(pairs) >= 200
    assert all(len(pair) == 2 for pair in pairs)
    assert [text for pair in pairs for text in pair if not 8 <= len(text) <= 60] == []


def test_every_pair_lands_in_exactly_one_split(rows: Rows, pairs: list[list[str]]) -> None:
    numbers = {split: {pair_number(row) for row in rows[split]} for split in SPLITS}
    assert sum(len(found) for found in numbers.values()) == len(set.union(*numbers.values())) == len(pairs)
    assert {split: len(found) for split, found in numbers.items()} == {"train": 140, "public": 40, "private": 40}


def test_no_sentence_of_one_split_stands_in_another(rows: Rows, pairs: list[list[str]]) -> None:
    sentences = {text for pair in pairs for text in pair}
    seen = {
        split: {text for row in rows[split] for text in (row["output"], *row["instruction"].split("\n"))} & sentences
        for split in SPLITS
    }
    assert not seen["train"] & seen["public"]
    assert not seen["train"] & seen["private"]
    assert not seen["public"] & seen["private"]
    assert set.union(*seen.values()) == sentences


@pytest.mark.parametrize("split", SPLITS)
def test_the_id_says_the_direction_and_half_the_rows_go_each_way(
    split: str, rows: Rows, pairs: list[list[str]]
) -> None:
    ways = [row["id"].split("-")[2] for row in rows[split]]
    assert ways.count("c2m") == ways.count("m2c") == len(ways) / 2
    for row, way in zip(rows[split], ways, strict=True):
        classical, modern = pairs[int(pair_number(row)) - 1]
        source, target = (classical, modern) if way == "c2m" else (modern, classical)
        assert source in row["instruction"].split("\n")
        assert row["output"] == target


def test_rows_hold_three_texts_and_ids_are_unique(rows: Rows) -> None:
    every = [row for split in SPLITS for row in rows[split]]
    assert {tuple(row) for row in every} == {("id", "instruction", "output")}
    assert all(isinstance(text, str) and text.strip() == text != "" for row in every for text in row.values())
    assert len({row["id"] for row in every}) == len(every)


def test_the_source_sentence_stands_before_or_after_the_request(rows: Rows, pairs: list[list[str]]) -> None:
    sentences = {text for pair in pairs for text in pair}
    for split in SPLITS:
        places = {row["instruction"].split("\n")[0] in sentences for row in rows[split]}
        assert places == {True, False}


def test_only_traditional_characters(rows: Rows) -> None:
    text = {character for split in SPLITS for row in rows[split] for character in row["instruction"] + row["output"]}
    outside = {character for character in text if not character.encode("big5", errors="ignore")}
    assert outside | text & SIMPLIFIED_IN_BIG5 == set()


def test_the_files_on_disk_are_what_build_makes(folder: Path) -> None:
    done = run(folder / "data" / "build.py", "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "up to date\n", "")


def test_check_names_a_changed_file_and_leaves_it(copy: Path) -> None:
    changed = copy / "data" / "public.json"
    changed.write_text("[]", encoding="utf-8")
    done = run(copy / "data" / "build.py", "--check")
    assert done.returncode == 1
    assert done.stderr == "differs from pairs.tsv: public.json. Run build.py without --check.\n"
    assert changed.read_text(encoding="utf-8") == "[]"
    assert run(copy / "data" / "build.py").stdout == "written: public.json\n"
    assert run(copy / "data" / "build.py", "--check").returncode == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("無分欄之句，不可用也。", "pairs.tsv:221: want classical<TAB>modern, found 1 column(s)"),
        ("吾甚喜。\t", "pairs.tsv:221: want classical<TAB>modern, found 2 column(s)"),
        ("書雖舊，其理甚新，不可不讀。\t新句。", "pairs.tsv:221: this sentence stands on an earlier line too: 書雖舊"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_written(copy: Path, line: str, message: str) -> None:
    before = (copy / "data" / "train.json").read_bytes()
    with (copy / "data" / "pairs.tsv").open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    done = run(copy / "data" / "build.py")
    assert done.returncode == 3
    assert message in done.stderr
    assert (copy / "data" / "train.json").read_bytes() == before


@pytest.mark.torch
@pytest.mark.slow
def test_the_tiny_base_is_the_same_bits_twice_and_then_up_to_date(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra [local]")
    script = folder / "tiny" / "make_base.py"
    first, second = tmp_path / "one" / "Qwen3-tiny", tmp_path / "two" / "Qwen3-tiny"
    ends = [run(script, "--output", output, "--steps", "3") for output in (first, second)]
    assert [(end.returncode, end.stderr) for end in ends] == [(0, ""), (0, "")]
    sha256s = {end.stdout.splitlines()[-1].rpartition("model.safetensors sha256 ")[2] for end in ends}
    assert len(sha256s) == 1 and len(sha256s.pop()) == 64
    assert {path.name for path in first.parent.iterdir()} == {"Qwen3-tiny"}
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name
        assert path.stat().st_mode & 0o444 == 0o444, f"{path.name} cannot be read by another user"
    assert run(script, "--output", first, "--steps", "3").stdout == f"{first}: up to date\n"
    (first / "config.json").write_text("{}", encoding="utf-8")
    assert "sha256" in run(script, "--output", first, "--steps", "3").stdout
    assert (first / "config.json").read_bytes() == (second / "config.json").read_bytes()


@pytest.mark.torch
def test_the_tiny_base_has_the_shape_of_qwen3_and_fits_nf4(folder: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs the extra [local]")
    output = tmp_path / "Qwen3-tiny"
    assert run(folder / "tiny" / "make_base.py", "--output", output, "--steps", "1").returncode == 0
    tokenizer = transformers.AutoTokenizer.from_pretrained(output)
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token) == ("<|endoftext|>", "<|pad|>", None)
    text = "吾欲讀書。\n囍 is not in the text."
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    model = transformers.AutoModelForCausalLM.from_pretrained(output)
    assert model.config.model_type == "qwen3" and model.config.tie_word_embeddings
    sizes = {size for name, weight in model.named_parameters() if "_proj" in name for size in weight.shape}
    assert {size % 64 for size in sizes} == {0}


def test_a_folder_that_it_did_not_make_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work", encoding="utf-8")
    done = run(folder / "tiny" / "make_base.py", "--output", tmp_path)
    assert done.returncode == 3
    assert done.stderr == (
        f"make_base.py: {tmp_path} exists and has no readable recipe.json, so this script did not make it. "
        "Give another --output, or move that away.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
