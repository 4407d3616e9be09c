"""The host's side of the talk with a scoring worker. Starts no process: lines come from a pipe or a container's log."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from harness.errors import EnvironmentFault, SandboxFault
from harness.model.assignment import Quantization
from harness.scoring.protocol import Event, Failure, Ready, Reply, Request, Result, decode_reply, encode_request

_READ_LOG = "Read what the worker wrote to standard error; this is a fault of the grader or the machine."
_BASE_REMEDY = "Give the folder of a complete base model (config, safetensors, tokenizer), and a device that is there."


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a worker answered. A request in `unanswered` was lost with the worker and may be asked again."""

    ready: Ready
    outcomes: Mapping[str, Result | Failure]
    unanswered: tuple[str, ...]


def ignore_event(event: Event) -> None:
    """Take an event and do nothing."""


def ignore_line(line: str) -> None:
    """Take a line and do nothing: the worker was given all requests beforehand."""


def worker_command(
    python: str,
    base_model: str,
    *,
    quantization: Quantization,
    device: str,
    dtype: str,
    max_tokens: int,
    weights_bytes: int | None = None,
    digest_cache: str | None = None,
) -> tuple[str, ...]:
    """Give the command that starts a worker; paths are as the worker sees them.

    Args:
        python: The interpreter.
        base_model: Folder of the base model that is loaded first.
        quantization: How its linear layers are quantised.
        device: cpu, cuda or auto.
        dtype: Type of what is not quantised, or auto.
        max_tokens: Where sequences are cut.
        weights_bytes: Most memory of all base models together; None is a share of the device's.
        digest_cache: File that keeps the SHA-256 of base model files; None hashes at every start.
    """
    options = {
        "--base-model": base_model,
        "--quantization": json.dumps(asdict(quantization)),
        "--device": device,
        "--dtype": dtype,
        "--max-tokens": str(max_tokens),
    }
    if weights_bytes is not None:
        options["--weights-bytes"] = str(weights_bytes)
    if digest_cache is not None:
        options["--digest-cache"] = digest_cache
    return (python, "-m", "harness.scoring.worker", *(word for pair in options.items() for word in pair))


def encode_requests(requests: Iterable[Request]) -> bytes:
    """Give all requests as the worker's whole standard input."""
    return "".join(encode_request(one) for one in requests).encode()


def converse(
    requests: Sequence[Request],
    lines: Iterable[str],
    *,
    send: Callable[[str], None] = ignore_line,
    on_event: Callable[[Event], None] = ignore_event,
    ready: Ready | None = None,
) -> Answers:
    """Send the requests one by one, each after the answer to the one before, and gather the answers.

    Args:
        requests: What to score; ids are unique.
        lines: What the worker writes to standard output, read as it comes or afterwards.
        send: Writes a line to the worker's standard input, at once.
        on_event: Is told when the worker is ready, what it loads and how far it is.
        ready: What a worker said that was talked to before; None where it is still to say so.

    Returns:
        The answers so far; where the worker died, the rest is unanswered.

    Raises:
        EnvironmentFault: The worker says that base model, packages or device cannot be used.
        SandboxFault: The worker ended before it was ready, or said something that is no reply.
    """
    replies = _decode(lines)
    if ready is None:
        ready = _await_ready(replies)
        on_event(ready)
    outcomes: dict[str, Result | Failure] = {}
    for request in requests:
        send(encode_request(request))
        outcome = _await(request.id, replies, on_event)
        if outcome is None:
            break
        outcomes[request.id] = outcome
    unanswered = tuple(one.id for one in requests if one.id not in outcomes)
    return Answers(ready=ready, outcomes=outcomes, unanswered=unanswered)


def _decode(lines: Iterable[str]) -> Iterator[Reply]:
    """Decode replies; a failure of the worker itself is raised."""
    for line in lines:
        try:
            reply = decode_reply(line)
        except ValueError as error:
            raise SandboxFault(f"the scoring worker did not write a reply: {error}", remedy=_READ_LOG) from error
        if isinstance(reply, Failure) and reply.kind == "base":
            raise EnvironmentFault(f"the scoring worker cannot work: {reply.message}", remedy=_BASE_REMEDY)
        if isinstance(reply, Failure) and reply.id is None:
            raise SandboxFault(f"the scoring worker failed: {reply.message}", remedy=_READ_LOG)
        yield reply


def _await_ready(replies: Iterator[Reply]) -> Ready:
    first = next(replies, None)
    if not isinstance(first, Ready):
        raise SandboxFault(f"the scoring worker ended before it was ready (first reply: {first})", remedy=_READ_LOG)
    return first


def _await(request_id: str, replies: Iterator[Reply], on_event: Callable[[Event], None]) -> Result | Failure | None:
    """Give the outcome of one request, or None where the replies end before it."""
    for reply in replies:
        if isinstance(reply, Ready) or reply.id != request_id:
            raise SandboxFault(f"the scoring worker answered out of turn, awaited {request_id!r}", remedy=_READ_LOG)
        if isinstance(reply, Result | Failure):
            return reply
        on_event(reply)
    return None
