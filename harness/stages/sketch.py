"""Keeps a sketch of the admitted adapter as evidence: joins the reader of adapters with the arithmetic."""

from collections.abc import Iterator
from pathlib import Path

from harness.files import write_whole
from harness.intake.adapter.factors import AdapterFile, RawFactors, open_adapter
from harness.model.sketch import AdapterSketch, SketchedModule
from harness.schema.sketch import sketch_text
from harness.similarity.lowrank import Factors
from harness.similarity.sketch import METHOD, ModuleSketch, sketch, to_text
from harness.similarity.tensors import to_floats


def keep_sketch(adapter: Path, target: Path, *, sha256: str) -> None:
    """Write the sketch of the adapter in the folder `adapter`, which the gate admitted.

    Raises:
        NotAnAdapter: It is none (a bug, for an admitted adapter).
    """
    made = sketch_adapter(open_adapter(adapter))
    modules = tuple(
        SketchedModule(
            name=name,
            shape=one.shape,
            rank=one.rank,
            norm=one.norm,
            ratio=one.ratio,
            values=to_text(one.values),
        )
        for name, one in made.items()
    )
    write_whole(target, sketch_text(AdapterSketch(method=METHOD, adapter_sha256=sha256, modules=modules)).encode())


def sketch_adapter(adapter: AdapterFile) -> dict[str, ModuleSketch]:
    """Sketch each module; one at a time is held in memory.

    Raises:
        NotAnAdapter: See `AdapterFile.read`.
    """

    def modules() -> Iterator[tuple[str, Factors]]:
        for name in adapter.modules:
            yield name, factors_of(adapter.read(name))

    return dict(sketch(modules(), count=len(adapter.modules), widest=adapter.widest))


def factors_of(raw: RawFactors) -> Factors:
    """Make numbers of what was read."""
    a, b = (to_floats(one.data, one.dtype, one.shape) for one in (raw.a, raw.b))
    return Factors(a=a, b=b, scale=raw.scale)
