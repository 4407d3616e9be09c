"""How alike two students' predictions are, by how rare each is among all. Must not know references or files.

Most students translate an easy sentence alike, and right; that says nothing. A strange output that two have and nobody
else says more. So an output weighs log((n + 1) / students who have nearly the same).
"""

import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR = 0.9
LEAST_CHARACTERS = 2
_BINS = 1024
_MOST_CHARACTERS = 4000

Predictions = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shared:
    """All pairs of n students: share by weight, and number of outputs that are nearly the same, each (n, n)."""

    share: NDArray[np.float64]
    near: NDArray[np.int32]
    both: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """An output that two students share: of which example, by how many students, and both texts."""

    example: str
    students: int
    text_a: str
    text_b: str


def shares(students: Sequence[Predictions]) -> Shared:
    """Compare all pairs; share is the weight of what two share over the weight of the lighter of both."""
    count = len(students)
    total, near, both = np.zeros((count, count)), np.zeros((count, count), np.int32), np.zeros((count, count), np.int32)
    for example in _examples(students):
        alike, there = alike_outputs([one.get(example, "") for one in students])
        holders = alike.sum(axis=1)
        weight = np.where(there, np.log((count + 1) / np.maximum(holders, 1)), 0)
        total += alike * np.minimum(weight[:, None], weight[None, :])
        near += alike
        both += there[:, None] & there[None, :]
    own = np.diag(total).copy()
    smaller = np.minimum(own[:, None], own[None, :])
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(smaller > 0, np.minimum(total / smaller, 1), np.nan)
    return Shared(share=share, near=near, both=both)


def rarest(students: Sequence[Predictions], one: int, other: int, *, most: int) -> list[Common]:
    """Give the outputs that two share, the rarest and longest first."""
    found = []
    for example in _examples([students[one], students[other]]):
        texts = [student.get(example, "") for student in students]
        if alike_outputs([texts[one], texts[other]])[0][0, 1]:
            alike, _ = alike_outputs(texts)
            holders = int(alike[one].sum())
            found.append(Common(example=example, students=holders, text_a=texts[one], text_b=texts[other]))
    return sorted(found, key=lambda each: (each.students, -len(each.text_a), each.example))[:most]


def alike_outputs(texts: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which outputs are (nearly) the same (n, n), and which count at all (n,): at least two characters.

    Near is a cosine of `NEAR` between counts of character pairs: one character of twenty may differ.
    """
    plain = [_plain(text) for text in texts]
    there = np.array([len(text) >= LEAST_CHARACTERS for text in plain], np.bool_)
    kinds = {text: number for number, text in enumerate(dict.fromkeys(plain))}
    vectors = np.stack([_pairs(text) for text in kinds])
    numbers = np.array([kinds[text] for text in plain])
    alike = (vectors @ vectors.T >= NEAR - 1e-6)[np.ix_(numbers, numbers)]
    return alike & there[:, None] & there[None, :], there


def _examples(students: Sequence[Predictions]) -> list[str]:
    return list(dict.fromkeys(example for one in students for example in one))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text[:_MOST_CHARACTERS]).split())


def _pairs(text: str) -> NDArray[np.float32]:
    """Count pairs of neighbouring characters, of length 1."""
    counts = np.zeros(_BINS, np.float32)
    framed = f"\2{text}\3"
    for at in range(len(framed) - 1):
        counts[zlib.crc32(framed[at : at + 2].encode("utf-8", "replace")) % _BINS] += 1
    return counts / np.float32(np.linalg.norm(counts))
