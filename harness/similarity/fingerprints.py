"""Fingerprints of code by winnowing, and how much of them two submissions share, by how rare they are.

Winnowing: S. Schleimer, D. Wilkerson, A. Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD 2003,
section 3: of each window of hashes the smallest, the rightmost of equals. A match of `GRAM + WINDOW - 1` tokens is
never missed, none shorter than `GRAM` is ever seen.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.similarity.tokens import Tokens

GRAM = 20
WINDOW = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a fingerprint lies: a file, and the number of its first token."""

    file: str
    at: int


Fingerprints = Mapping[int, tuple[Place, ...]]


def hashes(tokens: Tokens) -> list[int]:
    """Hash each run of `GRAM` tokens; the same on every machine."""
    words = tokens.words
    return [_hash("\0".join(words[at : at + GRAM])) for at in range(len(words) - GRAM + 1)]


def fingerprints(files: Mapping[str, Tokens], *, known: Collection[int] = ()) -> dict[int, tuple[Place, ...]]:
    """Give the fingerprints of a submission, without those `known` from the skeleton."""
    found: dict[int, list[Place]] = {}
    for name, tokens in files.items():
        every = hashes(tokens)
        for at in _winnow(every):
            if every[at] not in known:
                found.setdefault(every[at], []).append(Place(file=name, at=at))
    return {one: tuple(places) for one, places in found.items()}


def rarity(students: Sequence[Collection[int]]) -> dict[int, float]:
    """Weigh each fingerprint by how few students have it: log((n + 1) / count), as inverse document frequency does."""
    counts = Counter(one for every in students for one in set(every))
    return {one: math.log((len(students) + 1) / count) for one, count in counts.items()}


def shares(students: Sequence[Collection[int]]) -> NDArray[np.float64]:
    """Give (n, n): the weight of what two share over the weight of the smaller of both; NaN where one has nothing.

    Over the smaller: who copies all of a small submission into a large one shares all of it.
    """
    weights = rarity(students)
    shared = np.zeros((len(students), len(students)))
    holders: dict[int, list[int]] = {}
    for number, every in enumerate(students):
        for one in set(every):
            holders.setdefault(one, []).append(number)
    for one, numbers in holders.items():
        shared[np.ix_(numbers, numbers)] += weights[one]
    own = np.diag(shared).copy()
    smaller = np.minimum(own[:, None], own[None, :])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(smaller > 0, np.minimum(shared / smaller, 1), np.nan)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _winnow(every: Sequence[int]) -> list[int]:
    """Give the numbers of the chosen hashes."""
    if not every:
        return []
    chosen: list[int] = []
    for start in range(max(1, len(every) - WINDOW + 1)):
        window = every[start : start + WINDOW]
        least = min(window)
        at = start + len(window) - 1 - window[::-1].index(least)
        if not chosen or chosen[-1] != at:
            chosen.append(at)
    return chosen
