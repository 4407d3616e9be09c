"""The text metrics: small cases counted by hand, sacrebleu's own functions beside them, and hostile predictions."""

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import EnvironmentFault
from harness.scoring.text_protocol import (
    TextRow,
    compare_command,
    decode_compared,
    decode_rows,
    encode_compared,
    encode_missing,
    encode_rows,
)

pytestmark = pytest.mark.torch
sacrebleu = pytest.importorskip("sacrebleu", reason="needs the extra [local]")

from harness.scoring.texts import MOST_CHARACTERS, compare  # noqa: E402

CHINESE = [
    ("師問曰", "老師問道：「你為什麼不說話？」", "老師問：「你為什麼不說話？」"),
    ("吾未知也", "我還不知道。", "我還不知道。"),
    ("汝欲學書", "你想要學寫字。", "汝欲學書"),
]
ENGLISH = [("q", "The cat sat on the mat.", "The cat sat on a mat."), ("q", "It rains.", "Rain, again?")]


def rows(*texts: tuple[str, str, str]) -> list[TextRow]:
    return [TextRow(instruction=one, reference=two, prediction=three) for one, two, three in texts]


@pytest.mark.parametrize("tokenize", ["13a", "zh", "char", "intl"])
@pytest.mark.parametrize("texts", [CHINESE, ENGLISH])
def test_corpus_figures_are_sacrebleus_own(texts: list[tuple[str, str, str]], tokenize: str) -> None:
    found = compare(rows(*texts), bleu_tokenize=tokenize)  # type: ignore[arg-type]
    predictions, references = [one[2] for one in texts], [one[1] for one in texts]
    assert found.metrics.bleu == sacrebleu.corpus_bleu(predictions, [references], tokenize=tokenize).score
    assert found.metrics.chrf == sacrebleu.corpus_chrf(predictions, [references], word_order=2).score
    each = [
        sacrebleu.sentence_chrf(one, [two], word_order=2).score
        for one, two in zip(predictions, references, strict=True)
    ]
    assert list(found.chrf) == each
    assert found.metrics.examples == len(texts)


def test_chinese_characters_are_words_with_zh_alone() -> None:
    # 1 to 4 characters of 甲乙丙丁戊 against 甲乙丙丁己: 4/5, 3/4, 2/3 and 1/2 match, and nothing is too short.
    text = rows(("q", "甲乙丙丁己", "甲乙丙丁戊"))
    assert compare(text, bleu_tokenize="zh").metrics.bleu == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 / 2) ** 0.25)
    assert compare(text, bleu_tokenize="13a").metrics.bleu == 0.0


def test_chrf_by_hand() -> None:
    # Orders with n-grams on both sides: characters 1 (1/2) and 2 (0/1), words 1 (0/1): precision = recall = 1/6.
    found = compare(rows(("q", "ac", "ab")), bleu_tokenize="13a")
    assert found.metrics.chrf == pytest.approx(100 / 6)
    assert found.chrf == (found.metrics.chrf,)


def test_shares_and_ratio_by_hand() -> None:
    found = compare(
        rows(
            ("q", "abc", " abc\n"),  # equal, 5 characters for 3
            ("q", "caf\u00e9", "cafe\u0301"),  # equal in NFC, 5 for 4
            ("copy me", "x", "copy me "),  # copied, 8 for 1
            ("q", "xy", "\u200b\n"),  # nothing to see, 2 for 2
        ),
        bleu_tokenize="13a",
    ).metrics
    assert (found.exact_match, found.copied, found.empty) == (0.5, 0.25, 0.25)
    assert found.length_ratio == 20 / 10


def test_signatures_name_settings_and_version() -> None:
    found = compare(rows(*CHINESE), bleu_tokenize="zh").metrics
    version = sacrebleu.__version__
    assert found.chrf_signature == f"nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:{version}"
    assert found.bleu_signature == f"nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|version:{version}"


def test_the_same_texts_score_full_and_only_the_start_of_long_ones_counts() -> None:
    long = "字文詞句" * MOST_CHARACTERS
    found = compare(rows(("q", long, long), ("q", long, long[:MOST_CHARACTERS] + "其他")), bleu_tokenize="zh")
    assert found.chrf == pytest.approx((100.0, 100.0))
    assert found.metrics.bleu == pytest.approx(100.0)
    assert found.metrics.exact_match == 0.5


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1), st.text()), min_size=1, max_size=4),
    st.sampled_from(["13a", "zh", "char", "intl"]),
)
def test_any_text_gets_finite_figures_that_travel(texts: list[tuple[str, str, str]], tokenize: str) -> None:
    found = compare(rows(*texts), bleu_tokenize=tokenize)  # type: ignore[arg-type]
    assert decode_compared(encode_compared(found).encode(), rows=len(texts)) == found
    assert all(-1e-9 <= one <= 100 + 1e-9 for one in (*found.chrf, found.metrics.chrf, found.metrics.bleu))


@given(st.text(st.characters()), st.sampled_from(["", "\ud800", "\udfff\ud800", "\x00"]))
def test_any_string_travels(text: str, odd: str) -> None:
    sent = tuple(rows((odd + text, text, text + odd)))
    assert decode_rows(encode_rows(sent, bleu_tokenize="intl")) == (sent, "intl")


HOSTILE = {
    "one character": "字",
    "marks": "a\u0300\u0316",
    "controls": "\x00\x1b[2J\r\n\x85\u2028",
    "spaces": " \u3000\t",
    "halves of pairs": "\ud800\udfff",
    "punctuation": ".,-0&amp;<skipped>(",
    "all kinds": "".join(map(chr, range(0x100, 0x3000))),
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("tokenize", ["zh", "intl"])
def test_a_hostile_prediction_takes_milliseconds(unit: str, tokenize: str) -> None:
    text = (unit * (65_536 // len(unit) + 1))[:65_536]
    began = time.process_time()
    compare(rows(*[(text[1:], "甲乙丙丁。" * 20, text)] * 3), bleu_tokenize=tokenize)  # type: ignore[arg-type]
    assert time.process_time() - began < 1.0


def run(stdin: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(compare_command(sys.executable), input=stdin, capture_output=True, timeout=60)


def test_the_process_answers_with_figures_alone() -> None:
    ended = run(encode_rows(rows(*CHINESE), bleu_tokenize="zh"))
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert decode_compared(ended.stdout, rows=3) == compare(rows(*CHINESE), bleu_tokenize="zh")
    assert "老師".encode() not in ended.stdout and b"\\u" not in ended.stdout


def test_what_is_no_answer_is_told() -> None:
    good = encode_compared(compare(rows(*CHINESE), bleu_tokenize="zh")).encode()
    with pytest.raises(ValueError, match="figures of 3 rows, expected 4"):
        decode_compared(good, rows=4)
    for wrong in (b"", b"[]", b"{}", b'{"metrics": {}, "chrf": []}', good.replace(b'"bleu":', b'"blue":')):
        with pytest.raises(ValueError, match=r"not an answer of the text metrics|Expecting value"):
            decode_compared(wrong, rows=3)
    with pytest.raises(EnvironmentFault, match="not installed: No module named 'sacrebleu'") as caught:
        decode_compared(encode_missing(ImportError("No module named 'sacrebleu'")).encode(), rows=3)
    assert "Build the image again" in caught.value.remedy
    with pytest.raises(ValueError, match="no rows to compare"):
        compare([], bleu_tokenize="zh")
