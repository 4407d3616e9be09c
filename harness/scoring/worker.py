"""The scoring process, ``python -m harness.scoring.worker``: JSON lines in and out, see `harness.scoring.protocol`.

Runs where torch is, usually in a container that has this package's folder and the image's packages alone. Must not
import anything else, and must not write anything but replies to standard output.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.language import Message, WordedError, verbatim
from harness.model.assignment import Quantization
from harness.scoring.protocol import (
    BaseSpec,
    Failure,
    Loaded,
    Progress,
    Ready,
    Reply,
    Request,
    Result,
    decode_request,
    encode_reply,
)
from harness.scoring.refusal import BaseModelError, RefusalError

if TYPE_CHECKING:
    from harness.scoring.bases import Bases

Emit = Callable[[Reply], None]


def main(arguments: list[str] | None = None) -> int:
    """Load the base model, answer requests until the input ends; 1 if the base model cannot be used."""
    emit = _claim_stdout()
    options = _options(arguments)
    first = BaseSpec(
        path=options.base_model,
        quantization=options.quantization,
        max_tokens=options.max_tokens,
        sha256=options.base_sha256,
    )
    try:
        bases = _start(options, first, emit)
    except RefusalError as refusal:
        emit(Failure(id=None, kind=refusal.kind, message=_words(refusal)))
        return 1
    serve(bases, first, sys.stdin.buffer, emit)
    return 0


def serve(bases: "Bases", first: BaseSpec, lines: Iterable[bytes], emit: Emit) -> None:
    """Answer each line; a bad adapter, example or line costs that request only."""
    for line in lines:
        try:
            request = decode_request(line.decode())
        except ValueError as error:
            emit(Failure(id=None, kind="internal", message=verbatim(str(error))))
        else:
            emit(_answer(bases, request.base or first, request, emit))


def _words(refusal: RefusalError) -> Message:
    return refusal.words if isinstance(refusal, WordedError) else verbatim(str(refusal))


def _answer(bases: "Bases", spec: BaseSpec, request: Request, emit: Emit) -> Result | Failure:
    def on_progress(done: int, total: int) -> None:
        emit(Progress(id=request.id, done=done, total=total))

    adapter = None if request.adapter is None else Path(request.adapter)
    try:
        engine, fresh = bases.get(spec)
        if fresh:
            emit(Loaded(id=request.id, base=fresh))
        return Result(id=request.id, examples=tuple(engine.score(request.examples, adapter, on_progress=on_progress)))
    except RefusalError as refusal:
        return Failure(id=request.id, kind=refusal.kind, message=_words(refusal))
    except (RuntimeError, MemoryError) as error:  # torch's own, out of memory among them
        failure = Failure(id=request.id, kind="internal", message=verbatim(f"{type(error).__name__}: {error}"))
    bases.free_memory()  # here the error and what its frames held are gone
    return failure


def _claim_stdout() -> Emit:
    """Keep standard output for replies: whatever a library prints goes to standard error from here on."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def emit(reply: Reply) -> None:
        replies.write(encode_reply(reply))
        replies.flush()

    return emit


def _start(options: argparse.Namespace, first: BaseSpec, emit: Emit) -> "Bases":
    """Import torch (not before standard output is ours) and load the first base model."""
    try:
        from harness.scoring.bases import Bases
        from harness.scoring.engine import available_device, versions
    except ImportError as error:
        raise BaseModelError(f"a package that scoring needs is not installed: {error}") from error
    device = available_device() if options.device == "auto" else options.device
    dtype = options.dtype
    if dtype == "auto":
        dtype = "bfloat16" if device == "cuda" else "float32"
    bases = Bases(device=device, dtype=dtype, bound_bytes=options.weights_bytes, digest_cache=options.digest_cache)
    _, loaded = bases.get(first)
    assert loaded is not None
    emit(Ready(device=device, dtype=dtype, versions=versions(), base=loaded))
    return bases


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="harness.scoring.worker", description="Scores adapters over JSON lines.")
    parser.add_argument("--base-model", required=True, help="folder of the base model that is loaded first")
    parser.add_argument("--quantization", required=True, type=_quantization, help="fields of Quantization as JSON")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    parser.add_argument("--max-tokens", type=int, default=2048)
    parser.add_argument("--base-sha256", help="SHA-256 that the first base model must have")
    parser.add_argument("--weights-bytes", type=int, help="most memory of all base models; else a share of the device")
    parser.add_argument("--digest-cache", type=Path, help="JSON file that keeps the SHA-256 of base model files")
    return parser.parse_args(arguments)


def _quantization(text: str) -> Quantization:
    return Quantization(**json.loads(text))


if __name__ == "__main__":
    sys.exit(main())
