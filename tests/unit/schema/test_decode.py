import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.result import Record
from harness.schema.decode import decode, encode


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    name: str
    size: float = 1.5
    colour: Colour = Colour.RED


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    leaves: tuple[Leaf, ...]
    best: Leaf | None
    words: tuple[str, ...] = ()
    weights: dict[str, float]
    kind: Literal["a", "b"] = "a"
    old: bool
    count: int | None = None


LEAVES = st.builds(Leaf, name=st.text(), size=st.floats(allow_nan=False), colour=st.sampled_from(Colour))
TREES = st.builds(
    Tree,
    leaves=st.lists(LEAVES, max_size=3).map(tuple),
    best=st.none() | LEAVES,
    words=st.lists(st.text(), max_size=3).map(tuple),
    weights=st.dictionaries(st.text(), st.floats(allow_nan=False), max_size=3),
    kind=st.sampled_from(["a", "b"]),
    old=st.booleans(),
    count=st.none() | st.integers(),
)


@given(TREES)
def test_there_and_back(tree: Tree) -> None:
    assert decode(Tree, json.loads(json.dumps(encode(tree)))) == tree


def test_record_there_and_back(record: Record) -> None:
    assert decode(Record, json.loads(json.dumps(encode(record)))) == record


def test_types_are_those_of_the_fields() -> None:
    tree = decode(Tree, {"leaves": [{"name": "x", "colour": "blue"}], "best": None, "weights": {"a": 1}, "old": True})
    assert tree == Tree(leaves=(Leaf(name="x", colour=Colour.BLUE),), best=None, weights={"a": 1.0}, old=True)
    assert type(tree.weights["a"]) is float
    assert tree.leaves[0].colour is Colour.BLUE


def test_an_unknown_type_is_a_bug() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Odd:
        names: set[str]

    with pytest.raises(TypeError, match=r"no way to read a field of type set\[str\]"):
        decode(Odd, {"names": []})
    with pytest.raises(TypeError, match="no way to write a PosixPath"):
        encode({"path": Path("x")})
