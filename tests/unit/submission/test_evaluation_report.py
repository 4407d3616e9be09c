"""The report of an evaluation: Markdown in which no text acts, tables, plots, and the folder that they are put into."""

import html
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from evaluation.markdown_text import escaped, number
from evaluation.plots import _ratio_ticks, draw
from evaluation.report import report, write_report
from markdown_it import MarkdownIt

HERE = Path(__file__).resolve().parent
HOSTILE = (
    "<script>alert(1)</script> &lt; <b>",
    "| a | b |\n| --- |",
    "**bold** _it_ ~~gone~~ `code` $x$ # no",
    "[link](javascript:alert(1)) ![i](http://x/y.png) [^1] <http://x>",
    "http://example.org www.example.org a@example.org :smile:",
    "back\\slash \\| end\\",
    "\\",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_show_as_they_are_and_never_act(text: str) -> None:
    source = f"| a | b |\n| --- | --- |\n| {escaped(text)} | end |\n"
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    cells = [token for token in tokens if token.type == "inline"]
    assert [cell.content for cell in cells[3:]] == ["end"], "one row of two cells"
    parts = cells[2].children or []
    assert {part.type for part in parts} <= {"text", "text_special", "html_inline"}
    assert {part.content for part in parts if part.type == "html_inline"} <= {"<br>"}
    shown = "".join("\n" if part.type == "html_inline" else part.content for part in parts)
    assert html.unescape(shown) == html.unescape(text)
    assert not {"http://", "www."} & set(re.findall(r"http://|www\.", source)), "no address that some readers link"


def test_unseen_characters_are_named_and_long_texts_cut() -> None:
    assert escaped("a\u202eb\x1b[31m\tc\x00") == "a\\[U+202E\\]b\\[U+001B\\]\\[31m c\\[U+0000\\]"
    assert escaped("甲" * 601) == "甲" * 600 + "…"


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "-"), (math.inf, "∞"), (-1.5, "-1.500"), (12.3456, "12.346"), (1234.56, "1,234.6"), (2.5e7, "2.500e+07")],
)
def test_numbers_are_short(value: float | None, words: str) -> None:
    assert number(value) == words


def made_results() -> dict[str, Any]:
    def made(perplexity: float, spread: float | None = 1.0) -> dict[str, Any]:
        span = None if spread is None else (perplexity - spread, perplexity + spread)
        rest = {"corpus_perplexity": perplexity * 0.9, "bits_per_character": 4.5, "examples": 4, "tokens": 1234}
        rest["outputs_cut"] = 0
        return {"perplexity": perplexity, "interval": span, **rest}

    shown = [{"instruction": "譯：吾|汝", "output": "我*你*"}, {"instruction": "兩行\n題目", "output": "答"}]
    texts = {"exact_match": 0.25, "length_ratio": 1.1, "empty": 0.0}
    measured = {"adapter_sha256": "ab" * 32, "eval_file": "public.json", "eval_sha256": "cd" * 32, "max_tokens": 2048}
    return {
        "settings": {"base_model": "Qwen3-4B", "adapter": "out_1", "seed": 42, "device": "cpu", "dtype": "float32"}
        | measured,
        "perplexity": {"base": made(40.0), "adapter": made(10.0)}
        | {"lowered_by_interval": (28.0, 32.0), "examples_lowered": 3},
        "learning_curve": [
            {"step": 0, **made(40.0), "is_adapter": False},
            {"step": 1500, **made(9.5), "is_adapter": False},
            {"step": 3000, **made(10.0), "is_adapter": True},
        ],
        "few_shot": [
            {"shots": 0, **made(40.0), "exemplars": []},
            {"shots": 1, **made(math.inf, None), "exemplars": shown[:1]},
            {"shots": 2, **made(20.0), "exemplars": shown},
        ],
        "texts": [
            {"name": "base", "chrf": 12.0, "bleu": 3.0, **texts, "signatures": ["chrF2|x", "BLEU|y"]},
            {"name": "adapter", "chrf": 42.0, "bleu": 13.0, **texts, "signatures": ["chrF2|x", "BLEU|y"]},
        ],
        "samples": [
            {
                "kind": kind,
                "id": f"cc_{i}",
                "instruction": "問",
                "output": "答<b>",
                "perplexity": pair,
                "answers": answers,
            }
            for i, (kind, pair, answers) in enumerate(
                [
                    ("best", {"base": 80.0, "adapter": 4.0}, {"base": "[x](y)", "adapter": "答"}),
                    ("worst", {"base": 20.0, "adapter": 22.0}, {"base": "", "adapter": "第一\n第二"}),
                ]
            )
        ],
        "examples": [
            {"id": str(i), "tokens": 9, "base": {"nll_nats": 1.0, "perplexity": b}, "adapter": {"perplexity": a}}
            for i, (b, a) in enumerate([(80.0, 4.0), (30.0, 8.0), (30.0, 6.0), (20.0, 22.0), (math.inf, 3.0)])
        ],
    }


def test_report_reads_as_the_golden_one() -> None:
    golden = (HERE / "golden_report.md").read_text(encoding="utf-8")
    assert report(made_results(), plots=("perplexity", "learning_curve", "few_shot")) == golden


def test_report_says_why_there_are_no_bits_per_character() -> None:
    results = made_results()
    results["few_shot"][2] |= {"outputs_cut": 3, "bits_per_character": None}
    cut = "No bits per character where outputs are cut, here up to 3 of 4:"
    words = f"\n{cut} the loss is that of a part\nof their characters.\n"
    text = report(results, plots=())
    assert "| 2 | 20.000 | 19.000 to 21.000 | 18.000 | - |\n" + words in text
    assert text.count("No bits per character") == 1
    for one in (*results["learning_curve"], results["perplexity"]["base"], results["perplexity"]["adapter"]):
        one["outputs_cut"] = 3
    assert report(results, plots=()).count(words) == 3


def test_report_of_little_has_only_what_there_is() -> None:
    empty: dict[str, Any] = {"learning_curve": [], "few_shot": [], "texts": [], "samples": []}
    text = report(made_results() | empty, plots=())
    assert [line for line in text.splitlines() if line.startswith("#")] == ["# Evaluation", "## Base and adapter"]
    assert "](" not in text


def test_folder_is_written_whole_and_replaces_an_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "evaluation"
    folder.mkdir()
    (folder / "few_shot.png").write_text("old")
    broken = made_results()
    del broken["samples"]
    with pytest.raises(KeyError):
        write_report(broken, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation"]
    assert [path.name for path in folder.iterdir()] == ["few_shot.png"]
    write_report(made_results() | {"few_shot": []}, folder)
    assert not (folder / "few_shot.png").exists()
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert found["examples"][4]["base"]["perplexity"] is None
    assert found["perplexity"]["base"]["interval"] == [39.0, 41.0]


def test_what_somebody_put_into_the_folder_meanwhile_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "evaluation"
    (folder / "drafts").mkdir(parents=True)
    (folder / "drafts" / "report.md").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    (folder / "few_shot.png").write_text("old")
    (folder / "report.md").write_text("old")
    write_report(made_results() | {"few_shot": []}, folder)
    assert f"{folder} held other things, which were kept: drafts, notes.txt\n" in capsys.readouterr().err
    assert [(folder / name).read_text() for name in ("drafts/report.md", "notes.txt")] == ["mine", "mine"]
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("# Evaluation")
    assert not (folder / "few_shot.png").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation"]


def test_same_figures_give_the_same_plots(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra [local]")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assert draw(made_results(), tmp_path / name) == ["perplexity", "learning_curve", "few_shot"]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (-6.2, 1.1, [2.0**place for place in range(-6, 2)]),
        (-20, 2, [2.0**place for place in range(-18, 1, 3)]),
        (-0.3, 0.2, [0.9, 1.0, 1.1]),
        (-2.5, 0.1, [0.2, 0.4, 0.6, 0.8, 1.0]),
    ],
)
def test_ticks_of_ratios_are_round(low: float, high: float, ticks: list[float]) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra [local]")
    assert _ratio_ticks(low, high) == ticks
