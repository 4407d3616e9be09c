"""The JSON lines between host and scoring worker, as dataclasses, shared by both sides. Must not need more than Python.

Host to worker, one object a line:

    {"id", "adapter": path or null for the base model, "examples": [{"id", "prompt", "output"}],
     "base": {"path", "quantization", "max_tokens", "sha256"} or null for the base that the worker was started with}

Worker to host:

    {"event": "ready", "device", "dtype", "versions": {name: version}, "base"}     once, when the base model is loaded
    {"event": "loaded", "id", "base": {"path", "weights", "bytes", "seconds", "files": {name: SHA-256}}}
                                                                    another base model was loaded for this request
    {"event": "progress", "id", "done", "total"}                                   examples of one request
    {"event": "result", "id", "examples": [{"id", "tokens", "nll_nats", "perplexity"}]}
    {"event": "error", "id": request or null, "kind": "adapter"|"example"|"base"|"internal", "message",
     "wording": how the message was made or null}

A request ends with its `result` or `error`; an `error` without an id is about the worker itself. Figures that are
not finite travel as the strings "nan", "inf" and "-inf": JSON has no such numbers, and the host must tell them apart.
Decoding is strict: an unknown, missing or mistyped field is a ValueError that says what was seen.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from harness.language import Message
from harness.model.assignment import Quantization
from harness.model.result import ExampleScore
from harness.schema.wordings import worded, wording_of
from harness.scoring.placement import Weights
from harness.scoring.refusal import Kind

_SHOWN = 120
_NOT_FINITE = ("nan", "inf", "-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptedExample:
    """A prompt as the student's get_prompt made it, and the reference output."""

    id: str
    prompt: str
    output: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSpec:
    """A base model as the worker sees it: folder, how it is quantised, where sequences are cut.

    `sha256` is the digest that it must have (`weights.digest_of`), or None where any will do.
    """

    path: str
    quantization: Quantization
    max_tokens: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseInfo:
    """A base model that is loaded: how its weights are held, their size, how long it took, the SHA-256 of its files."""

    path: str
    weights: Weights
    bytes: int
    seconds: float
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Score `examples` with the adapter in the folder `adapter`, or with the bare base model where it is None.

    `base` None is the base model that the worker was started with.
    """

    id: str
    adapter: str | None
    examples: tuple[PromptedExample, ...]
    base: BaseSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The base model is loaded."""

    device: str
    dtype: str
    versions: Mapping[str, str]
    base: BaseInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Another base model was loaded for request `id`; others may have made room for it."""

    id: str
    base: BaseInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`done` of `total` examples of request `id` are scored."""

    id: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Request `id` is answered; examples in the order of the request."""

    id: str
    examples: tuple[ExampleScore, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Request `id` is refused or failed (None: the worker itself); kinds are those of `harness.scoring.refusal`."""

    id: str | None
    kind: Kind
    message: Message


Event = Ready | Loaded | Progress
Reply = Event | Result | Failure


def encode_request(request: Request) -> str:
    """Give the request as one line, newline included."""
    return _line(asdict(request))


def decode_request(line: str) -> Request:
    """Read a request.

    Raises:
        ValueError: The line is no request; the text says what was seen.
    """
    nothing = type(None)
    fields = _object(
        _parse(line, "request"), "request", id=str, adapter=(str, nothing), examples=list, base=(dict, nothing)
    )
    examples = (_object(one, "example", id=str, prompt=str, output=str) for one in fields["examples"])
    base = fields["base"]
    return Request(
        id=fields["id"],
        adapter=fields["adapter"],
        examples=tuple(PromptedExample(**one) for one in examples),
        base=None if base is None else _spec(base),
    )


def encode_reply(reply: Reply) -> str:
    """Give the reply as one line, newline included."""
    match reply:
        case Ready():
            return _line({"event": "ready", **asdict(reply)})
        case Loaded():
            return _line({"event": "loaded", **asdict(reply)})
        case Progress():
            return _line({"event": "progress", **asdict(reply)})
        case Failure():
            wording = wording_of(reply.message)
            return _line({"event": "error", **asdict(reply), "wording": wording})
        case Result():
            examples = [example_to_json(one) for one in reply.examples]
            return _line({"event": "result", "id": reply.id, "examples": examples})


def decode_reply(line: str) -> Reply:
    """Read a reply.

    Raises:
        ValueError: The line is no reply; the text says what was seen.
    """
    value = _parse(line, "reply")
    event = value.pop("event", None) if isinstance(value, dict) else None
    match event:
        case "ready":
            return _ready(value)
        case "loaded":
            fields = _object(value, "loaded", id=str, base=dict)
            return Loaded(id=fields["id"], base=_info(fields["base"]))
        case "progress":
            return Progress(**_object(value, "progress", id=str, done=int, total=int))
        case "result":
            fields = _object(value, "result", id=str, examples=list)
            return Result(id=fields["id"], examples=tuple(example_from_json(one) for one in fields["examples"]))
        case "error":
            return _failure(value)
        case _:
            raise ValueError(f"reply: expected the event ready, loaded, progress, result or error, saw {_seen(line)}")


def example_to_json(example: ExampleScore) -> dict[str, object]:
    """Give one example's evidence as JSON values; not finite figures become strings."""
    fields = asdict(example)
    return {**fields, "nll_nats": number_to_json(example.nll_nats), "perplexity": number_to_json(example.perplexity)}


def example_from_json(value: object) -> ExampleScore:
    """Read one example's evidence.

    Raises:
        ValueError: It is none; the text says what was seen.
    """
    number = (int, float, str)
    fields = _object(value, "scored example", id=str, tokens=int, nll_nats=number, perplexity=number)
    return ExampleScore(
        id=fields["id"],
        tokens=fields["tokens"],
        nll_nats=_number(fields["nll_nats"]),
        perplexity=_number(fields["perplexity"]),
    )


def number_to_json(value: float) -> float | str:
    """Give a figure as JSON: the number, or "nan", "inf", "-inf"."""
    return value if math.isfinite(value) else str(value)


def _ready(value: object) -> Ready:
    fields = _object(value, "ready", device=str, dtype=str, versions=dict, base=dict)
    _check_strings("ready: versions", fields["versions"])
    return Ready(**{**fields, "base": _info(fields["base"])})


def _spec(value: object) -> BaseSpec:
    fields = _object(value, "base", path=str, quantization=dict, max_tokens=int, sha256=(str, type(None)))
    try:
        quantization = Quantization(**fields["quantization"])
    except TypeError as error:
        raise ValueError(f"base: quantization is none, saw {_seen(fields['quantization'])}") from error
    return BaseSpec(**{**fields, "quantization": quantization})


def _info(value: object) -> BaseInfo:
    fields = _object(value, "base", path=str, weights=str, bytes=int, seconds=(int, float), files=dict)
    if fields["weights"] not in get_args(Weights):
        raise ValueError(f"base: weights must be one of {', '.join(get_args(Weights))}, saw {_seen(fields['weights'])}")
    _check_strings("base: files", fields["files"])
    return BaseInfo(**{**fields, "seconds": float(fields["seconds"])})


def _check_strings(what: str, value: Mapping[str, object]) -> None:
    if not all(isinstance(one, str) for one in value.values()):
        raise ValueError(f"{what} must be strings, saw {_seen(value)}")


def _failure(value: object) -> Failure:
    wording = value.pop("wording", None) if isinstance(value, dict) else None
    fields = _object(value, "error", id=(str, type(None)), kind=str, message=str)
    if fields["kind"] not in get_args(Kind):
        raise ValueError(f"error: kind must be one of {', '.join(get_args(Kind))}, saw {_seen(fields['kind'])}")
    return Failure(id=fields["id"], kind=fields["kind"], message=worded(fields["message"], wording))


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def _parse(line: str, what: str) -> object:
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except ValueError as error:
        raise ValueError(f"{what}: not a JSON line ({error}), saw {_seen(line)}") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _object(value: object, what: str, **types: type | tuple[type, ...]) -> dict[str, Any]:
    """Check that `value` is an object with exactly these fields of these types."""
    if not isinstance(value, dict) or value.keys() != types.keys():
        raise ValueError(f"{what}: expected an object with {', '.join(types)}, saw {_seen(value)}")
    for name, kind in types.items():
        if not isinstance(value[name], kind) or isinstance(value[name], bool):
            raise ValueError(f"{what}: {name} has the wrong type, saw {_seen(value[name])}")
    return value


def _number(value: float | str) -> float:
    if isinstance(value, str) and value not in _NOT_FINITE:
        raise ValueError(f"scored example: expected a number or one of {', '.join(_NOT_FINITE)}, saw {_seen(value)}")
    return float(value)


def _seen(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return repr(text[:_SHOWN]) + (" (cut)" if len(text) > _SHOWN else "")
