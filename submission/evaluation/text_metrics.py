"""How near answers come to their references as texts, over a whole file. Must not know where the answers come from.

chrF++        F2 of n-grams of 1 to 6 characters and 1 to 2 words, 0 to 100 (Popović 2017), by sacrebleu
BLEU          precision of n-grams of 1 to 4 words, times a penalty for short texts, 0 to 100 (Papineni et al. 2002),
              by sacrebleu; for Chinese every character is a word
exact match   share of answers that equal their reference, in NFC and without surrounding white space
length ratio  characters of all answers by characters of all references
empty         share of answers without text
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any


def compare_texts(answers: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """Give the metrics; chrF++ and BLEU are left out where sacrebleu is not installed."""
    pairs = list(zip(answers, references, strict=True))
    return {
        **_by_sacrebleu(answers, references),
        "exact_match": sum(_plain(one) == _plain(other) for one, other in pairs) / len(pairs),
        "length_ratio": sum(map(len, answers)) / max(1, sum(map(len, references))),
        "empty": sum(not one.strip() for one in answers) / len(pairs),
    }


def _by_sacrebleu(answers: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    try:
        from sacrebleu.metrics import BLEU, CHRF
    except ImportError:
        return {}
    chrf, bleu = CHRF(word_order=2), BLEU(tokenize="zh" if _is_chinese(references) else "13a", force=True)
    return {
        "chrf": chrf.corpus_score(answers, [references]).score,
        "bleu": bleu.corpus_score(answers, [references]).score,
        "signatures": [str(chrf.get_signature()), str(bleu.get_signature())],
    }


def _is_chinese(texts: Sequence[str]) -> bool:
    """Tell whether a fifth of the characters are Han: no spaces part words there."""
    whole = "".join(texts)
    return sum("\u4e00" <= character <= "\u9fff" for character in whole) > len(whole) / 5


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())
