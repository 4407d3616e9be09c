import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.language import message, verbatim
from harness.model.assignment import Quantization
from harness.model.result import ExampleScore
from harness.scoring.protocol import (
    BaseInfo,
    BaseSpec,
    Failure,
    Loaded,
    Progress,
    PromptedExample,
    Ready,
    Reply,
    Request,
    Result,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

TEXT = st.text()
NUMBER = st.floats(allow_nan=False)
PROMPTED = st.builds(PromptedExample, id=TEXT, prompt=TEXT, output=TEXT)
SPECS = st.builds(
    BaseSpec,
    path=TEXT,
    quantization=st.builds(Quantization, load_in_4bit=st.booleans()),
    max_tokens=st.integers(3),
    sha256=st.none() | TEXT,
)
INFOS = st.builds(
    BaseInfo,
    path=TEXT,
    weights=st.sampled_from(["full", "dequantised", "4bit"]),
    bytes=st.integers(0),
    seconds=st.floats(0, 1e6),
    files=st.dictionaries(TEXT, TEXT, max_size=3),
)
REQUESTS = st.builds(
    Request,
    id=TEXT,
    adapter=st.none() | TEXT,
    examples=st.lists(PROMPTED, max_size=3).map(tuple),
    base=st.none() | SPECS,
)
SCORES = st.builds(ExampleScore, id=TEXT, tokens=st.integers(0), nll_nats=NUMBER, perplexity=NUMBER)
REPLIES = st.one_of(
    st.builds(Ready, device=TEXT, dtype=TEXT, versions=st.dictionaries(TEXT, TEXT, max_size=3), base=INFOS),
    st.builds(Loaded, id=TEXT, base=INFOS),
    st.builds(Progress, id=TEXT, done=st.integers(0), total=st.integers(0)),
    st.builds(Result, id=TEXT, examples=st.lists(SCORES, max_size=3).map(tuple)),
    st.builds(
        Failure,
        id=st.none() | TEXT,
        kind=st.sampled_from(["adapter", "example", "base", "internal"]),
        message=TEXT,
    ),
)


@given(REQUESTS)
def test_request_survives_the_wire_as_one_line(request: Request) -> None:
    line = encode_request(request)
    assert line.index("\n") == len(line) - 1
    assert decode_request(line) == request


@given(REPLIES)
def test_reply_survives_the_wire_as_one_line(reply: Reply) -> None:
    line = encode_reply(reply)
    assert line.index("\n") == len(line) - 1
    assert decode_reply(line) == reply


def test_the_words_on_the_wire() -> None:
    request = Request(id="7", adapter=None, examples=(PromptedExample(id="a", prompt="p", output="之"),))
    assert encode_request(request) == (
        '{"id": "7", "adapter": null, "examples": [{"id": "a", "prompt": "p", "output": "之"}], "base": null}\n'
    )
    result = Result(id="7", examples=(ExampleScore(id="a", tokens=2, nll_nats=0.5, perplexity=math.inf),))
    assert json.loads(encode_reply(result)) == {
        "event": "result",
        "id": "7",
        "examples": [{"id": "a", "tokens": 2, "nll_nats": 0.5, "perplexity": "inf"}],
    }


def test_nan_travels_as_text_and_comes_back_as_nan() -> None:
    result = Result(id="7", examples=(ExampleScore(id="a", tokens=2, nll_nats=math.nan, perplexity=math.nan),))
    line = encode_reply(result)
    assert '"nll_nats": "nan"' in line
    back = decode_reply(line)
    assert isinstance(back, Result) and math.isnan(back.examples[0].nll_nats)


INFO = '{"path": "/b", "weights": "%s", "bytes": 1, "seconds": 1, "files": {"a": %d}}'
EXAMPLE = '{"id": "a", "tokens": 1, "nll_nats": %s, "perplexity": 2.0}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "reply: not a JSON line .*, saw ''"),
        ("Loading weights: 100%", "reply: not a JSON line .*, saw 'Loading weights: 100%'"),
        ("[1]", "reply: expected the event ready, loaded, progress, result or error, saw '\\[1\\]'"),
        ('{"event": "done"}', "reply: expected the event ready, loaded, progress, result or error"),
        ('{"event": "progress", "id": "1", "done": 1}', "progress: expected an object with id, done, total, saw"),
        ('{"event": "progress", "id": "1", "done": 1, "total": true}', "total has the wrong type, saw 'true'"),
        ('{"event": "progress", "id": "1", "done": 1.5, "total": 2}', "progress: done has the wrong type, saw '1.5'"),
        ('{"event": "error", "id": null, "kind": "odd", "message": ""}', "error: kind must be one of .*, saw 'odd'"),
        (
            '{"event": "ready", "device": "a", "dtype": "x", "versions": {"torch": 2}, "base": {}}',
            "versions must be str",
        ),
        (
            '{"event": "ready", "device": "a", "dtype": "x", "versions": {}, "base": {}}',
            "base: expected an object with",
        ),
        ('{"event": "loaded", "id": "1", "base": %s}' % (INFO % ("8bit", 1)), "weights must be one of full, .*'8bit'"),
        ('{"event": "loaded", "id": "1", "base": %s}' % (INFO % ("full", 1)), "base: files must be strings"),
        ('{"event": "result", "id": "1", "examples": [3]}', "scored example: expected an object with id, tokens"),
        ('{"event": "result", "id": "1", "examples": [%s]}' % (EXAMPLE % "NaN"), "NaN is not JSON"),
        ('{"event": "result", "id": "1", "examples": [%s]}' % (EXAMPLE % '"big"'), "expected a number or one of nan"),
    ],
)
def test_malformed_reply_says_what_was_seen(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_reply(line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "request: not a JSON line .*, saw 'nonsense'"),
        ('{"id": "1", "adapter": null}', "request: expected an object with id, adapter, examples, base, saw"),
        ('{"id": 1, "adapter": null, "examples": [], "base": null}', "request: id has the wrong type, saw '1'"),
        (
            '{"id": "1", "adapter": null, "examples": [{"id": "a", "prompt": 4, "output": ""}], "base": null}',
            "prompt has",
        ),
        ('{"id": "1", "adapter": null, "examples": [], "base": {"path": "/b"}}', "base: expected an object with path"),
        (
            '{"id": "1", "adapter": null, "examples": [], "base": '
            '{"path": "/b", "quantization": {"bits": 3}, "max_tokens": 9, "sha256": null}}',
            "base: quantization is none",
        ),
    ],
)
def test_malformed_request_says_what_was_seen(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_request(line)


def test_a_long_line_is_shown_cut() -> None:
    with pytest.raises(ValueError, match=r"saw 'x{120}' \(cut\)$"):
        decode_reply("x" * 5000)


def test_reference_text_is_not_in_the_repr() -> None:
    assert "secret" not in repr(PromptedExample(id="a", prompt="p", output="secret"))


def test_a_refusal_can_be_said_in_other_languages() -> None:
    made = message("{count} tensors have no place in the model, such as {name}", count=2, name="x")
    reply = decode_reply(encode_reply(Failure(id="one", kind="adapter", message=made)))
    assert isinstance(reply, Failure)
    assert (reply.message, reply.message.template, reply.message.values) == (made, made.template, made.values)


@pytest.mark.parametrize(
    "wording", [None, {}, {"template": "{a.__class__}", "values": {"a": "x"}}, [1], "x", {"template": "y"}]
)
def test_a_wording_that_says_something_else_is_not_believed(wording: object) -> None:
    reply = decode_reply(json.dumps({"event": "error", "id": None, "kind": "base", "message": "x", "wording": wording}))
    assert reply == Failure(id=None, kind="base", message=verbatim("x"))
    assert isinstance(reply, Failure) and reply.message.template == "{text}"
