"""Adapters of runs, pair by pair: from the sketches in the evidence, and exactly where the weights are at hand."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.batch.similar.entries import Entry, Step, baseline_of, comparable, rounded, z_of
from harness.errors import ConfigError
from harness.files import sha256_file
from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.factors import AdapterFile, NotAnAdapter, open_adapter
from harness.intake.adapter.gate import WEIGHTS
from harness.model.similar import AdapterPair, Adapters, LeftOut
from harness.model.sketch import AdapterSketch
from harness.schema.sketch import read_sketch
from harness.similarity.gram import ALIKE, Cosines, exact, from_sketches, module_from_sketches
from harness.similarity.layers import layers_words
from harness.similarity.lowrank import Factors, compare
from harness.similarity.sketch import ModuleSketch, from_text, is_faithful
from harness.similarity.stand import ranked, spread
from harness.stages.sketch import factors_of, sketch_adapter

SKETCH = Path("evidence") / "adapter_sketch.json"
UNTRUE = "its sketch does not show the norm that its weights have; give them with --adapters"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of one adapter: the sketch, and the weights if they are there."""

    entry: Entry
    sha256: str
    sketch: Mapping[str, ModuleSketch]
    file: AdapterFile | None = field(default=None, repr=False)


def compare_adapters(
    entries: Sequence[Entry], *, folder: Path | None, exactly: bool, most: int, step: Step
) -> Adapters:
    """Rank all pairs by the cosine of delta W, or by the share of modules that coincide if that is more.

    Args:
        entries: The submissions.
        folder: Holds the weights, in `ID/` or `ID/adapter_checkpoint/`; the pairs that are shown are then exact.
        exactly: Whether every pair is computed from the weights; those without weights are left out.
        most: How many pairs are given.
        step: Is told how far it is.

    Raises:
        ConfigError: `exactly` without a folder.
    """
    if exactly and folder is None:
        raise ConfigError("--exact needs the weights.", remedy="Give their folder with --adapters.")
    known, left_out = _gather(entries, folder, exactly, step)
    found = _exact_matrix(known, step) if exactly else _sketched_matrix(known, step)
    counted = _counted(known)
    stand = spread(found.cosine, counted)
    same = np.array([[a.sha256 == b.sha256 for b in known] for a in known], np.bool_).reshape(found.cosine.shape)
    share = found.alike / np.maximum(found.shared, 1)
    key = np.where(same, 2, np.fmax(found.cosine, share))
    pairs = [_pair(known[a], known[b], found, (a, b)) for a, b in ranked(key, counted, most)]
    return Adapters(
        compared=len(known),
        error=0.0 if exactly else rounded(_error(known)),
        baseline=baseline_of(stand),
        pairs=tuple(
            AdapterPair(
                a=one.a,
                b=one.b,
                same_file=one.same_file,
                cosine=one.cosine,
                exact=one.exact,
                z=None if one.cosine is None else z_of(one.cosine, stand),
                modules_alike=one.modules_alike,
                modules_shared=one.modules_shared,
                layers_alike=one.layers_alike,
            )
            for one in pairs
        ),
        left_out=tuple(left_out),
    )


def _counted(known: Sequence[_Known]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Pairs of two students on one base model."""
    bases = np.array([one.entry.record.assignment.base_model for one in known], dtype=object)
    same_base = np.asarray(bases[:, None] == bases[None, :], dtype=np.bool_).reshape(len(known), len(known))
    return comparable([one.entry for one in known]) & same_base


def _gather(
    entries: Sequence[Entry], folder: Path | None, exactly: bool, step: Step
) -> tuple[list[_Known], list[LeftOut]]:
    known, left_out = [], []
    for number, entry in enumerate(entries, start=1):
        try:
            known.append(_know(entry, folder, exactly))
        except (NotAnAdapter, ConfigError) as problem:
            left_out.append(LeftOut(submission=entry.label, why=str(problem).splitlines()[0]))
        step("reading adapters", number, len(entries))
    return known, left_out


def _know(entry: Entry, folder: Path | None, exactly: bool) -> _Known:
    sha256 = entry.record.submission.adapter_sha256
    if sha256 is None:
        raise NotAnAdapter("no adapter was admitted")
    file = _weights(entry, folder, sha256)
    if file is None and exactly:
        raise NotAnAdapter("its weights are not in the folder of --adapters")
    kept = entry.kept / SKETCH
    if file is None and not kept.is_file():
        raise NotAnAdapter("it has no sketch in its evidence; give the weights with --adapters")
    sketch = _modules(read_sketch(kept)) if kept.is_file() else sketch_adapter(file) if file else {}
    if file is None and not is_faithful(sketch):
        raise NotAnAdapter(UNTRUE)
    if not any(one.norm for one in sketch.values()):
        raise NotAnAdapter("its delta W is 0: it does not change the base model")
    return _Known(entry=entry, sha256=sha256, sketch=sketch, file=file)


def _weights(entry: Entry, folder: Path | None, sha256: str) -> AdapterFile | None:
    """Find the adapter's weights, if they are those that were graded."""
    if folder is None:
        return None
    places = [folder / entry.label, folder / entry.id]
    for place in [one / inner for one in places for inner in ("", "adapter_checkpoint")]:
        if (place / CONFIG).is_file() and (place / WEIGHTS).is_file():
            if sha256_file(place / WEIGHTS) != sha256:
                raise NotAnAdapter(f"the weights in {place} are not those that were graded")
            return open_adapter(place)
    return None


def _modules(kept: AdapterSketch) -> dict[str, ModuleSketch]:
    try:
        return {
            one.name: ModuleSketch(
                shape=(one.shape[0], one.shape[1]),
                rank=one.rank,
                norm=one.norm,
                ratio=one.ratio,
                values=from_text(one.values),
            )
            for one in kept.modules
        }
    except ValueError as problem:
        raise ConfigError(f"its sketch is damaged: {problem}", remedy="Grade it again.") from problem


def _sketched_matrix(known: Sequence[_Known], step: Step) -> Cosines:
    names = {name for one in known for name in one.sketch}
    done = iter(range(1, len(names) + 1))
    return from_sketches([one.sketch for one in known], step=lambda: step("comparing adapters", next(done), len(names)))


def _exact_matrix(known: Sequence[_Known], step: Step) -> Cosines:
    names = sorted({name for one in known for name in one.sketch})
    done = iter(range(1, len(names) + 1))

    def load(number: int, module: str) -> Factors | None:
        file = known[number].file
        return factors_of(file.read(module)) if file is not None and module in file.tensors else None

    return exact(names, len(known), load, step=lambda: step("comparing adapters", next(done), len(names)))


def _pair(one: _Known, other: _Known, found: Cosines, at: tuple[int, int]) -> AdapterPair:
    """Look closer at a pair that is shown: exactly where both weights are there."""
    exactly = one.file is not None and other.file is not None
    if one.file is not None and other.file is not None:
        close = compare(_factors(one.file), _factors(other.file))
        cosine, modules = close.cosine, close.modules
    else:
        value = float(found.cosine[at])
        cosine, modules = (None if math.isnan(value) else value), _sketched_modules(one.sketch, other.sketch)
    told = {name: value for name, value in modules.items() if value is not None}
    alike = {name for name, value in told.items() if value >= ALIKE}
    return AdapterPair(
        a=one.entry.label,
        b=other.entry.label,
        same_file=one.sha256 == other.sha256,
        cosine=None if cosine is None else rounded(cosine),
        exact=exactly,
        z=None,
        modules_alike=len(alike),
        modules_shared=len(told),
        layers_alike=layers_words(alike, told),
    )


def _factors(file: AdapterFile) -> dict[str, Factors]:
    return {name: factors_of(file.read(name)) for name in file.modules}


def _sketched_modules(one: Mapping[str, ModuleSketch], other: Mapping[str, ModuleSketch]) -> dict[str, float | None]:
    found = {}
    for name in one.keys() & other.keys():
        value = float(module_from_sketches([one[name], other[name]])[0][0, 1])
        found[name] = None if math.isnan(value) else value
    return found


def _error(known: Sequence[_Known]) -> float:
    """Give the standard deviation of a small cosine, for the adapter whose weight lies on the fewest values.

    A module's cosine varies by 1 / values; each counts by its share of the squared norm.
    """
    worst = 0.0
    for one in known:
        squares = {name: module.norm**2 for name, module in one.sketch.items()}
        total = sum(squares.values())
        variance = sum((square / total) ** 2 / one.sketch[name].values.size for name, square in squares.items())
        worst = max(worst, math.sqrt(variance))
    return worst
