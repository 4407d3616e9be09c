"""How near predictions come to their references as texts. The only importer of sacrebleu; knows no model, no student.

    chrF++        F2 of n-grams of 1 to 6 characters and 1 to 2 words, 0 to 100 (Popović 2015, "chrF: character n-gram
                  F-score for automatic MT evaluation"; Popović 2017, "chrF++: words helping character n-grams")
    BLEU          precision of n-grams of 1 to 4 words times the brevity penalty, 0 to 100 (Papineni, Roukos, Ward and
                  Zhu 2002, "BLEU: a method for automatic evaluation of machine translation")
    exact match   share of predictions that equal their reference
    length ratio  characters of all predictions by characters of all references
    empty         share of predictions without a visible character
    copied        share of predictions that equal their instruction

Both scores are over the whole corpus, by sacrebleu, with its signature (Post 2018, "A call for clarity in reporting
BLEU scores"). Texts are equal if they are so in NFC and without surrounding white space.

Predictions are hostile. Each text counts with its first 4,096 characters for chrF++ and BLEU, and a longer one is
compared as it is: the time of NFC grows with the square of a run of combining marks. So a row costs milliseconds,
whatever is in it.
"""

import unicodedata
from collections.abc import Sequence

from sacrebleu.metrics import BLEU, CHRF

from harness.model.assignment import BleuTokenize
from harness.model.result import TextMetrics
from harness.scoring.text_protocol import Compared, TextRow

MOST_CHARACTERS = 4_096
CHRF_PLUS_PLUS_WORDS = 2
INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")


def compare(rows: Sequence[TextRow], *, bleu_tokenize: BleuTokenize) -> Compared:
    """Give the metrics of all rows and chrF++ of each; any strings will do.

    Args:
        rows: At least one.
        bleu_tokenize: What counts as a word for BLEU, in sacrebleu's words; `zh` makes one of each Chinese character.

    Raises:
        ValueError: There are no rows.
    """
    if not rows:
        raise ValueError("no rows to compare")
    predictions = [row.prediction[:MOST_CHARACTERS] for row in rows]
    references = [row.reference[:MOST_CHARACTERS] for row in rows]
    chrf = CHRF(word_order=CHRF_PLUS_PLUS_WORDS)
    # `force` silences a guess about texts that are tokenised already; it changes no figure.
    bleu = BLEU(tokenize=bleu_tokenize, force=True)
    each = [chrf.sentence_score(one, [other]).score for one, other in zip(predictions, references, strict=True)]
    chrf_score = chrf.corpus_score(predictions, [references]).score
    bleu_score = bleu.corpus_score(predictions, [references]).score
    metrics = TextMetrics(
        examples=len(rows),
        chrf=chrf_score,
        chrf_signature=str(chrf.get_signature()),
        bleu=bleu_score,
        bleu_signature=str(bleu.get_signature()),
        exact_match=_share([_equal(row.prediction, row.reference) for row in rows]),
        length_ratio=_length_ratio(rows),
        empty=_share([not _is_visible(row.prediction) for row in rows]),
        copied=_share([_equal(row.prediction, row.instruction) for row in rows]),
    )
    return Compared(metrics=metrics, chrf=tuple(each))


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


def _length_ratio(rows: Sequence[TextRow]) -> float:
    return sum(len(row.prediction) for row in rows) / max(1, sum(len(row.reference) for row in rows))


def _is_visible(text: str) -> bool:
    return any(unicodedata.category(character) not in INVISIBLE for character in text)


def _equal(one: str, other: str) -> bool:
    one, other = one.strip(), other.strip()
    if one == other or max(len(one), len(other)) > MOST_CHARACTERS:
        return one == other
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
