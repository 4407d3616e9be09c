"""Make train.json, public.json and private.json from pairs.tsv.

The split is by pair: a pair never appears in two files. Train gives each pair in both directions; public and private
give each pair once, the direction alternating. Nothing here is random: the same pairs.tsv always gives the same bytes.
This file must know nothing about models, tokenizers or grading.

    python build.py            write the three files beside this one
    python build.py --check    write nothing; exit 1 if a file on disk differs
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
CYCLE: Final = 11
PUBLIC_POSITIONS: Final = frozenset({3, 8})
PRIVATE_POSITIONS: Final = frozenset({5, 10})

TO_MODERN: Final = (
    "把下面這句文言文改寫成現代文：\n{}",
    "{}\n這句話用今天的白話怎麼說？",
    "請翻譯成現代文：\n{}",
    "{}\n把這句話翻譯成現代文。",
)
TO_CLASSICAL: Final = (
    "把下面這句白話改寫成文言文：\n{}",
    "{}\n這句話用文言文怎麼說？",
    "請翻譯成文言文：\n{}",
    "{}\n把這句話翻譯成文言文。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One sentence in both languages; `number` counts from 1 in the order of pairs.tsv."""

    number: int
    classical: str
    modern: str


def read_pairs(path: Path) -> list[Pair]:
    """Read classical<TAB>modern lines.

    Raises:
        ValueError: a line has not exactly two non-empty columns, or repeats an earlier sentence.
    """
    pairs: list[Pair] = []
    seen: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        columns = line.split("\t")
        if len(columns) != 2 or not all(column.strip() for column in columns):
            raise ValueError(f"{path.name}:{number}: want classical<TAB>modern, found {len(columns)} column(s)")
        repeated = seen.intersection(columns)
        if repeated:
            raise ValueError(f"{path.name}:{number}: this sentence stands on an earlier line too: {repeated.pop()}")
        seen.update(columns)
        pairs.append(Pair(number=number, classical=columns[0], modern=columns[1]))
    return pairs


def split_of(pair: Pair) -> str:
    """Name the split of a pair: of every 11 pairs, 7 go to train, 2 to public and 2 to private."""
    position = (pair.number - 1) % CYCLE
    if position in PUBLIC_POSITIONS:
        return "public"
    return "private" if position in PRIVATE_POSITIONS else "train"


def row(pair: Pair, *, to_modern: bool) -> dict[str, str]:
    """Make one row; the wording of the instruction goes round with the number of the pair."""
    wordings = TO_MODERN if to_modern else TO_CLASSICAL
    source, target = (pair.classical, pair.modern) if to_modern else (pair.modern, pair.classical)
    return {
        "id": f"cc-{pair.number:04d}-{'c2m' if to_modern else 'm2c'}",
        "instruction": wordings[pair.number % len(wordings)].format(source),
        "output": target,
    }


def rows_of(pairs: list[Pair], split: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one split, in the order of the pairs."""
    for index, pair in enumerate(pair for pair in pairs if split_of(pair) == split):
        if split == "train":
            yield row(pair, to_modern=True)
            yield row(pair, to_modern=False)
        else:
            yield row(pair, to_modern=index % 2 == 0)


def render(pairs: list[Pair]) -> dict[str, str]:
    """Return the text of each file by its name."""
    return {
        f"{split}.json": json.dumps(list(rows_of(pairs, split)), ensure_ascii=False, indent=1) + "\n"
        for split in ("train", "public", "private")
    }


def stale(files: dict[str, str], folder: Path) -> list[str]:
    """Name the files that are missing from `folder` or differ there."""
    return [
        name
        for name, text in files.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != text.encode()
    ]


def main() -> int:
    """Run the command line; return the exit status (0 done, 1 a file differs, 3 pairs.tsv is wrong)."""
    parser = argparse.ArgumentParser(description="Make the three JSON files from pairs.tsv.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file on disk differs")
    check: bool = parser.parse_args().check
    try:
        files = render(read_pairs(HERE / "pairs.tsv"))
    except (OSError, ValueError) as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 3
    old = stale(files, HERE)
    if check and old:
        print(f"differs from pairs.tsv: {', '.join(old)}. Run build.py without --check.", file=sys.stderr)
        return 1
    for name in old:
        (HERE / name).write_bytes(files[name].encode())
    print(f"written: {', '.join(old)}" if old else "up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
