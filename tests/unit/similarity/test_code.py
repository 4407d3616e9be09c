"""Tokens, fingerprints and matches together: what a copy keeps whatever is done to its looks."""

import json
import re

import numpy as np
import pytest

from harness.similarity.fingerprints import GRAM, WINDOW, fingerprints, hashes, shares
from harness.similarity.matches import matches
from harness.similarity.tokens import tokens_of

ORIGINAL = '''"""Predicts."""
import json
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def load(path, adapter):
    """Load it."""
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, torch_dtype=torch.bfloat16)
    if adapter is not None:
        model.load_adapter(adapter)
    return tokenizer, model.eval()


def predict(rows, tokenizer, model, size=8):
    answers = []
    for start in range(0, len(rows), size):
        batch = tokenizer([row["instruction"] for row in rows[start : start + size]], return_tensors="pt", padding=True)
        with torch.no_grad():
            made = model.generate(**batch, max_new_tokens=128, do_sample=False)
        for row, ids in zip(rows[start : start + size], made):
            text = tokenizer.decode(ids[batch["input_ids"].shape[1] :], skip_special_tokens=True)
            answers.append({"id": row["id"], "output": text.strip()})
    return answers
'''
OTHER = """import argparse
import sys


class Runner:
    def __init__(self, options):
        self.options = options
        self.count = 0

    def go(self):
        while self.count < 10:
            try:
                self.step(self.count)
            except ValueError as error:
                print(error, file=sys.stderr)
                break
            finally:
                self.count += 1
        return {"done": self.count, "of": 10, "options": vars(self.options)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=3)
    Runner(parser.parse_args()).go()
"""


def disguised(text: str) -> str:
    """Rename every variable and function, add comments and blank lines, change strings and numbers."""
    for old, new in (
        ("tokenizer", "tk"), ("model", "net"), ("rows", "items"), ("row", "it"), ("answers", "out_list"),
        ("start", "i0"),
        ("batch", "enc"), ("made", "gen"), ("text", "s"), ("predict", "inference"), ("size", "bs"), ("ids", "seq"),
    ):  # fmt: skip
        text = re.sub(rf"\b{old}\b", new, text)
    text = text.replace("128", "200").replace('"instruction"', "'question'")
    return "# my own work\n" + text.replace("\n    ", "\n\n    # step\n    ", 4)


def student(**files: str) -> dict:  # type: ignore[type-arg]
    return {name.replace("_", "."): tokens_of(name.replace("_", "."), text) for name, text in files.items()}


def share(one: dict, other: dict, known: set[int] = frozenset()) -> float:  # type: ignore[type-arg,assignment]
    return float(shares([fingerprints(each, known=known).keys() for each in (one, other)])[0, 1])


def test_renaming_comments_and_layout_change_nothing() -> None:
    one, other = tokens_of("a.py", ORIGINAL), tokens_of("b.py", disguised(ORIGINAL))
    assert one.words == other.words
    assert one.lines != other.lines


def test_a_copy_is_found_with_its_lines() -> None:
    one, other = student(predict_py=ORIGINAL), student(main_py=OTHER + disguised(ORIGINAL))
    assert share(one, other) > 0.9
    shared = fingerprints(one), fingerprints(other)
    found = matches(one, other, shared=shared)[0]
    assert (found.file_a, found.file_b) == ("predict.py", "main.py")
    assert found.lines_a == (2, 25)
    start = OTHER.count("\n")
    lines = (OTHER + disguised(ORIGINAL)).splitlines()
    assert lines[found.lines_b[0] - 1] == "import json" and found.lines_b[0] > start
    assert lines[found.lines_b[1] - 1] == "    return out_list"


def test_other_work_is_not() -> None:
    one, other = student(a_py=ORIGINAL), student(b_py=OTHER)
    assert share(one, other) == 0
    assert matches(one, other, shared=(fingerprints(one), fingerprints(other))) == []


def test_the_skeleton_does_not_count() -> None:
    known = set(hashes(tokens_of("starter.py", ORIGINAL)))
    one, other = student(a_py=ORIGINAL + OTHER), student(b_py=ORIGINAL)
    assert np.isnan(share(one, other, known))
    third = student(c_py=disguised(ORIGINAL) + OTHER)
    assert share(one, third, known) > 0.9
    kept = fingerprints(one, known=known), fingerprints(third, known=known)
    assert all(found.lines_a[0] > 20 for found in matches(one, third, shared=kept, known=known))


def test_what_everyone_has_counts_little() -> None:
    common, rare = student(a_py=ORIGINAL), student(b_py=OTHER)
    both = {**common, **rare}
    prints = [fingerprints(one).keys() for one in (both, rare, *[common] * 8)]
    found = shares(prints)
    assert found[0, 1] == pytest.approx(1)
    just_common = shares(
        [fingerprints(one).keys() for one in (both, student(c_py=ORIGINAL + OTHER[::-1]), *[common] * 8)]
    )
    assert just_common[0, 1] < 0.3


def test_a_match_of_gram_and_window_is_never_missed() -> None:
    """The promise of winnowing, at every offset."""
    inside = [f"w{number}" for number in range(GRAM + WINDOW - 1)]
    for shift in range(2 * WINDOW):
        left = tokens_of("a.py", "\n".join(f"'{shift}' if" for _ in range(shift)))
        first = type(left)(words=tuple([f"x{n}" for n in range(shift)] + inside), lines=(1,) * (shift + len(inside)))
        second = type(left)(words=tuple(inside + [f"y{n}" for n in range(9)]), lines=(1,) * (len(inside) + 9))
        assert fingerprints({"a": first}).keys() & fingerprints({"b": second}).keys(), shift


def test_notebooks_and_bash() -> None:
    cells = [
        {"cell_type": "code", "source": ORIGINAL.splitlines(keepends=True)},
        {"cell_type": "markdown", "source": "x"},
    ]
    notebook = tokens_of("a.ipynb", json.dumps({"cells": cells}))
    assert notebook.words == tokens_of("a.py", ORIGINAL).words
    for broken in ("{", "[]", '{"cells": 3}', '{"cells": [{"cell_type": "code", "source": {"a": 1}}]}', "[" * 9999):
        assert tokens_of("a.ipynb", broken).words == ()
    assert tokens_of("run.sh", '# hi\npython3 a.py "$1" > out').words[-2:] != ()


def test_broken_programs_are_read_as_far_as_they_go() -> None:
    assert tokens_of("a.py", "def f(:\n  '''never closed\n\x00\x1b[31m").words
    assert len(tokens_of("a.py", "x = 1\n" * 50_000).words) <= 100_000


def test_hashes_never_change() -> None:
    """Two terms are compared in one process, but a report should be the same every day."""
    assert hashes(tokens_of("a.py", "a = 1\n" * 7))[0] == 17083831993483757101
