import math
from collections.abc import Iterator

import pytest

from harness.errors import EnvironmentFault, SandboxFault
from harness.model.assignment import Quantization
from harness.model.result import ExampleScore
from harness.scoring.client import converse, encode_requests, worker_command
from harness.scoring.protocol import (
    BaseInfo,
    Failure,
    Loaded,
    Progress,
    PromptedExample,
    Ready,
    Reply,
    Request,
    Result,
    decode_request,
    encode_reply,
)

INFO = BaseInfo(path="/base", weights="full", bytes=7, seconds=0.5, files={"config.json": "ab"})
READY = Ready(device="cpu", dtype="float32", versions={"torch": "2"}, base=INFO)
EXAMPLE = PromptedExample(id="a", prompt="p", output="o")
REQUESTS = tuple(Request(id=name, adapter=None, examples=(EXAMPLE,)) for name in ("one", "two"))
SCORE = ExampleScore(id="a", tokens=2, nll_nats=0.5, perplexity=math.inf)
ONE, TWO = (Result(id=name, examples=(SCORE,)) for name in ("one", "two"))
BAD = Failure(id="one", kind="adapter", message="tensors are missing")


def wire(*replies: Reply) -> Iterator[str]:
    return map(encode_reply, replies)


def test_answers_from_a_log_read_afterwards() -> None:
    answers = converse(REQUESTS, wire(READY, Progress(id="one", done=1, total=1), BAD, TWO))
    assert answers.ready == READY
    assert answers.outcomes == {"one": BAD, "two": TWO}
    assert answers.unanswered == ()


def test_each_request_is_sent_after_the_answer_before_it() -> None:
    story: list[str] = []

    def lines() -> Iterator[str]:
        for line in wire(READY, ONE, TWO):
            story.append("reply")
            yield line

    converse(REQUESTS, lines(), send=lambda line: story.append(decode_request(line).id))
    assert story == ["reply", "one", "reply", "two", "reply"]


def test_events_are_told() -> None:
    events: list[object] = []
    progress = Progress(id="one", done=1, total=1)
    converse(REQUESTS[:1], wire(READY, progress, ONE), on_event=events.append)
    assert events == [READY, progress]


def test_a_worker_that_dies_leaves_the_rest_unanswered() -> None:
    answers = converse(REQUESTS, wire(READY, ONE))
    assert answers.outcomes == {"one": ONE}
    assert answers.unanswered == ("two",)


def test_a_worker_that_never_gets_ready_is_a_fault() -> None:
    with pytest.raises(SandboxFault, match="the scoring worker ended before it was ready") as caught:
        converse(REQUESTS, [])
    assert caught.value.remedy.startswith("Read what the worker wrote to standard error")


@pytest.mark.parametrize("request_id", [None, "one"])
def test_an_unusable_base_is_a_fault_of_the_environment(request_id: str | None) -> None:
    failure = Failure(id=request_id, kind="base", message="no CUDA GPU answers")
    with pytest.raises(EnvironmentFault, match="the scoring worker cannot work: no CUDA GPU answers"):
        converse(REQUESTS, wire(READY, failure))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Loading weights 100%\n", "did not write a reply: reply: not a JSON line .* saw 'Loading weights 100%"),
        (encode_reply(TWO), "answered out of turn, awaited 'one'"),
        (encode_reply(READY), "answered out of turn, awaited 'one'"),
        (encode_reply(Failure(id=None, kind="internal", message="bad line")), "the scoring worker failed: bad line"),
    ],
)
def test_nonsense_is_a_fault_of_ours(line: str, message: str) -> None:
    with pytest.raises(SandboxFault, match=message):
        converse(REQUESTS, [encode_reply(READY), line])


def test_requests_as_the_whole_standard_input() -> None:
    lines = encode_requests(REQUESTS).decode().splitlines()
    assert tuple(map(decode_request, lines)) == REQUESTS


def test_command() -> None:
    command = worker_command(
        "python3", "/base", quantization=Quantization(load_in_4bit=False), device="cpu", dtype="float32", max_tokens=9
    )
    assert command[:5] == ("python3", "-m", "harness.scoring.worker", "--base-model", "/base")
    assert command[5] == "--quantization" and '"load_in_4bit": false' in command[6]
    assert command[7:] == ("--device", "cpu", "--dtype", "float32", "--max-tokens", "9")
    command = worker_command(
        "python3",
        "/base",
        quantization=Quantization(load_in_4bit=True),
        device="cuda",
        dtype="auto",
        max_tokens=9,
        weights_bytes=10**9,
        digest_cache="/cache.json",
    )
    assert command[-4:] == ("--weights-bytes", "1000000000", "--digest-cache", "/cache.json")


def test_a_worker_that_was_talked_to_before_is_not_asked_to_get_ready_again() -> None:
    answers = converse(REQUESTS[:1], wire(Loaded(id="one", base=INFO), ONE), ready=READY)
    assert answers.ready == READY and answers.outcomes == {"one": ONE}
