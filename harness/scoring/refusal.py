"""Why the engine refuses a request, as exceptions inside the worker. On the wire each becomes an `error` reply.

    RefusalError        kind       who caused it
    ├── AdapterError    adapter    the adapter does not load on this base model: the student
    ├── ExampleError    example    a prompt leaves no room for the output: the student
    └── BaseModelError  base       base model, tokenizer or device cannot be used: we or the machine

Messages name tensors, settings and ids, never a path or a reference text: a student may see them.
"""

from typing import ClassVar, Literal

from harness.language import WordedError

Kind = Literal["adapter", "example", "base", "internal"]


class RefusalError(Exception):
    """Base of the three; `kind` is the word on the wire."""

    kind: ClassVar[Kind] = "internal"


class AdapterError(WordedError, RefusalError):
    """The adapter does not load on this base model."""

    kind = "adapter"


class ExampleError(WordedError, RefusalError):
    """An example cannot be scored."""

    kind = "example"


class BaseModelError(RefusalError):
    """The base model, its tokenizer or the device cannot be used."""

    kind = "base"
