import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.schema import store, validate
from harness.schema.document import DocumentError, load_json
from harness.schema.validate import MOST_COUNTED, MOST_LISTED, problems


def keys_of(schema: Any) -> set[str]:
    """All property names that a schema mentions, however deep."""
    if isinstance(schema, list):
        return set().union(*map(keys_of, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})).union(*map(keys_of, schema.values()))


def said(rows: object, schema: str = "predictions.v1") -> list[str]:
    document = load_json(json.dumps(rows, ensure_ascii=False, indent=1).encode(), "p.json")
    return [str(problem) for problem in problems(document, schema)]


def test_the_place_of_an_unknown_key_is_the_key_and_of_a_missing_one_the_object() -> None:
    unknown, missing = said([{"id": "a", "x": 1, "output": "b"}, {"id": "a"}])
    assert unknown == (
        "p.json:4:3 at /0/x: expected one of the keys `id`, `output`, saw the unknown key `x`; remove it"
    )
    assert missing == (
        "p.json:7:2 at /1: expected the key `output`, saw an object with the key `id`; "
        "add it: The text that the model wrote"
    )


def test_a_mistyped_key_is_one_problem() -> None:
    (only,) = said([{"id": "a", "ouput": "b"}])
    assert only.endswith("saw the unknown key `ouput`; did you mean `output`?")


def test_at_most_twenty_are_listed_and_the_rest_is_counted() -> None:
    exact = said([{"id": 1, "output": "b"}] * MOST_LISTED)
    assert len(exact) == MOST_LISTED
    assert "more" not in exact[-1]
    *_, last = said([{"id": 1, "output": "b"}] * (MOST_LISTED + 3))
    assert last == (
        "p.json:83:9 at /20/id: expected no problem but the 20 listed, saw 3 more, the next one here; "
        "mend those first, then check again"
    )
    *_, last = said([{"id": 1, "output": "b"}] * (MOST_LISTED + MOST_COUNTED + 1))
    assert f"saw over {MOST_COUNTED} more, the next one here" in last


def test_problems_come_in_the_order_of_the_file() -> None:
    rows = [{"output": 1, "id": 2}, {"x": 1, "id": "a", "output": "b"}]
    assert [line.split(":")[1] for line in said(rows)] == ["3", "4", "7"]


def test_a_whole_number_is_no_fraction_and_no_boolean() -> None:
    receipt = {
        "cause": "exited", "exit_code": 1.0, "signal": True, "duration_s": True, "peak_memory_bytes": None,
        "sandbox": "docker", "image_id": None,
    }  # fmt: skip
    assert [line.split("saw ")[1].split(";")[0] for line in said(receipt, "receipt.v1")] == [
        "the number 1.0",
        "true",
        "true",
    ]


def test_a_long_or_hostile_key_is_cut_and_escaped() -> None:
    (only,) = said([{"id": "a", "output": "b", "\x1b]0;" + "k" * 1_000_000: 1}])
    assert "\x1b" not in only
    assert len(only) < 500


@pytest.mark.slow
def test_large_files_take_seconds_whether_good_or_bad() -> None:
    many = 100_000
    begin = time.process_time()
    assert said([{"id": f"a{i}", "output": "字" * 60} for i in range(many)]) == []
    assert len(said([{"id": i, "outputs": "b"} for i in range(many)])) == MOST_LISTED + 1
    assert len(said({f"a{i}": "b" for i in range(many)})) == 1
    assert len(said([{"id": {f"a{i}": "b" for i in range(many)}, "output": "b"}])) == 1
    assert time.process_time() - begin < 20


@pytest.mark.parametrize("row", ["1", "{}", "[]", '""', '{"a":1}', "[[1]]", "null"])
def test_seventeen_megabytes_of_small_values_are_refused_at_once(row: str) -> None:
    text = "[" + f"{row}," * (17_000_000 // (len(row) + 1)) + "1]"
    begin = time.process_time()
    with pytest.raises(DocumentError) as caught:
        load_json(text.encode(), "p.json")
    assert time.process_time() - begin < 3
    assert str(caught.value).endswith(
        ": expected at most 250,000 values, saw more; write one object for each row of the input"
    )


@pytest.mark.parametrize("row", ["1", "{}", "[]", '{"a":1}'])
def test_as_many_wrong_values_as_are_read_take_little(row: str) -> None:
    begin = time.process_time()
    document = load_json(("[" + f"{row}," * 249_000 + "1]").encode(), "p.json")
    assert len(problems(document, "predictions.v1")) == MOST_LISTED + 1
    assert time.process_time() - begin < 3


@pytest.mark.parametrize("name", store.names())
@settings(max_examples=50)
@given(data=st.data())
def test_any_data_is_valid_or_has_problems_with_a_place(name: str, data: st.DataObject) -> None:
    keys = st.sampled_from([*sorted(keys_of(store.load(name))), "x", ""])
    scalars = st.one_of(
        st.none(), st.booleans(), st.integers(-2, 2), st.floats(-1, 1), st.sampled_from(["", "a", name])
    )
    values = st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=6)),
        max_leaves=20,
    )
    value = data.draw(values)
    text = json.dumps(value, indent=1)
    lines = text.split("\n")
    for problem in problems(load_json(text.encode(), "p.json"), name):
        assert 1 <= problem.column <= len(lines[problem.line - 1])
        assert problem.expected and problem.seen and problem.remedy


def any_ofs(schema: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every `anyOf` in a schema, however deep, with its place."""
    if isinstance(schema, list):
        for at, one in enumerate(schema):
            yield from any_ofs(one, f"{place}/{at}")
    elif isinstance(schema, dict):
        if "anyOf" in schema:
            yield place, schema
        for key, one in schema.items():
            yield from any_ofs(one, f"{place}/{key}")


ANY_OFS = [
    pytest.param(path.stem, one, id=place)
    for path in sorted((Path(__file__).parents[3] / "schemas").glob("*.json"))
    for place, one in any_ofs(json.loads(path.read_bytes()), path.stem)
]


@pytest.mark.parametrize(("name", "schema"), ANY_OFS)
def test_every_choice_of_every_schema_has_words_for_what_fits_none(
    name: str, schema: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    defs = json.loads((Path(__file__).parents[3] / "schemas" / f"{name}.json").read_bytes()).get("$defs", {})
    monkeypatch.setattr(store, "load", lambda _: {**schema, "$defs": defs})
    refused = 0
    for number, value in enumerate([True, None, [], [None], {}, {"a": None}, 1, -1.5, "", "\n"]):
        document = load_json(json.dumps(value).encode(), "p.json")
        validate._validator.cache_clear()
        for problem in problems(document, f"{name} {number}"):
            refused += 1
            assert str(problem).startswith("p.json:1:")
            assert "another value" not in problem.expected
    validate._validator.cache_clear()
    assert refused


def test_a_wording_with_null_is_a_problem_in_words() -> None:
    wording = {"x": {"template": "{a}", "values": {"a": None}}}
    assert any(
        line.endswith(
            "at /wordings/x/values/a: expected a string or a number or an object or a list, saw null; "
            "write a string or a number or an object or a list"
        )
        for line in said({"wordings": wording}, "record.v1")
    )
