"""Where two submissions have the same code: ranges of lines, from shared fingerprints. Must not rank anybody."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from harness.similarity.fingerprints import GRAM, Fingerprints, hashes
from harness.similarity.tokens import Tokens

_MOST_PLACES = 20  # of one fingerprint: a table of constants repeats itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The same run of tokens in both: files, first and last lines (1-based), number of tokens."""

    file_a: str
    lines_a: tuple[int, int]
    file_b: str
    lines_b: tuple[int, int]
    tokens: int


def matches(
    one: Mapping[str, Tokens],
    other: Mapping[str, Tokens],
    *,
    shared: tuple[Fingerprints, Fingerprints],
    known: Collection[int] = (),
) -> list[Range]:
    """Give the longest ranges first; a range lies within no other of the same file of `one`.

    Args:
        one: Tokens of the first submission by file.
        other: Those of the second.
        shared: Fingerprints of both, the skeleton's left out.
        known: Hashes of the skeleton: a range does not grow into what was given to all.
    """
    given = {file: _given(tokens, known) for file, tokens in one.items()}
    runs: set[tuple[str, str, int, int, int]] = set()
    grown: dict[tuple[str, str, int], list[range]] = {}  # by files and shift: a run is grown from one place only
    for fingerprint in shared[0].keys() & shared[1].keys():
        for here in shared[0][fingerprint][:_MOST_PLACES]:
            for there in shared[1][fingerprint][:_MOST_PLACES]:
                known_runs = grown.setdefault((here.file, there.file, here.at - there.at), [])
                if any(here.at in run for run in known_runs):
                    continue
                left, right = one[here.file].words, other[there.file].words
                start, length = _grown(left, right, (here.at, there.at), given[here.file])
                known_runs.append(range(start[0], start[0] + length))
                runs.add((here.file, there.file, start[0], start[1], length))
    ordered = sorted(runs, key=lambda run: (-run[4], run))
    taken: dict[str, set[int]] = {}
    found = []
    for file_a, file_b, at_a, at_b, length in ordered:
        covered = taken.setdefault(file_a, set())
        span = range(at_a, at_a + length)
        if sum(at in covered for at in span) * 2 > length:
            continue
        covered.update(span)
        found.append(
            Range(
                file_a=file_a,
                lines_a=_lines(one[file_a], at_a, length),
                file_b=file_b,
                lines_b=_lines(other[file_b], at_b, length),
                tokens=length,
            )
        )
    return found


def _given(tokens: Tokens, known: Collection[int]) -> set[int]:
    """Give the numbers of the tokens that lie in the skeleton's code."""
    starts = [at for at, one in enumerate(hashes(tokens)) if one in known] if known else []
    return {at for start in starts for at in range(start, start + GRAM)}


def _grown(
    left: tuple[str, ...], right: tuple[str, ...], at: tuple[int, int], given: Collection[int]
) -> tuple[tuple[int, int], int]:
    """Extend a match of `GRAM` tokens both ways as far as the tokens agree; give both starts and the length."""
    here, there = at
    back, end = 0, GRAM
    while min(here, there) > back and left[here - back - 1] == right[there - back - 1] and here - back - 1 not in given:
        back += 1
    while (
        here + end < len(left)
        and there + end < len(right)
        and left[here + end] == right[there + end]
        and here + end not in given
    ):
        end += 1
    return _trimmed(here - back, there - back, back + end, given)


def _trimmed(here: int, there: int, length: int, given: Collection[int]) -> tuple[tuple[int, int], int]:
    """Cut off the skeleton's tokens at both ends: a run of `GRAM` tokens may begin in them."""
    while length > 1 and here in given:
        here, there, length = here + 1, there + 1, length - 1
    while length > 1 and here + length - 1 in given:
        length -= 1
    return (here, there), length


def _lines(tokens: Tokens, at: int, length: int) -> tuple[int, int]:
    return tokens.lines[at], tokens.lines[at + length - 1]
