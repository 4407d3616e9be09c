"""One student's page out of a record and its evidence. Reads no file; what students must not see is left out here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.model.assignment import Example
from harness.model.result import ExampleScore, Record
from harness.report.html.logs import Log
from harness.report.html.numbers import plain
from harness.report.html.plots import scatter
from harness.report.html.rows import Row
from harness.report.html.spread import spread
from harness.report.html.views import Audience, ExampleLine, PerExample, StudentPage
from harness.report.public import public_logs, public_record
from harness.report.severities import errors_first

PARITY = "PAR"
MOST_UNKNOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What lies beside a record.

    Attributes:
        base: Scores of the base model, in the order of `adapter`.
        adapter: Scores of the adapter.
        dropped: Ids of examples that the score leaves out.
        examples: The test set with references, where it is still the same.
        predictions: Outputs by id, as far as they could be read.
        chrf: chrF++ by id.
        logs: All logs.
    """

    base: tuple[ExampleScore, ...] = ()
    adapter: tuple[ExampleScore, ...] = ()
    dropped: tuple[str, ...] = ()
    examples: Sequence[Example] = ()
    predictions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    chrf: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    logs: tuple[Log, ...] = ()


def student_page(record: Record, evidence: Evidence, *, row: Row, audience: Audience) -> StudentPage:
    """Put a record and its evidence on a page; for the public without what is for the staff alone."""
    public = audience == "public"
    shown = public_record(record) if public else record
    logs_seen = public_logs(record) if public else tuple(one.path for one in evidence.logs)
    ranked = errors_first(shown.findings)
    return StudentPage(
        row=row,
        record=shown,
        findings=tuple(one for one in ranked if not one.code.startswith(PARITY)),
        parity=tuple(one for one in ranked if one.code.startswith(PARITY)),
        per_example=per_example(evidence),
        examples=_public_lines(record, evidence) if public else example_lines(evidence),
        logs=tuple(one for one in evidence.logs if one.path in logs_seen),
    )


def per_example(evidence: Evidence) -> PerExample | None:
    """Compare base model and adapter over the examples that count."""
    pairs = [
        (base.perplexity, adapter.perplexity)
        for base, adapter in zip(evidence.base, evidence.adapter, strict=True)
        if adapter.id not in evidence.dropped
    ]
    base, adapter = spread([one for one, _ in pairs]), spread([one for _, one in pairs])
    if base is None or adapter is None:
        return None
    better = sum(after < before for before, after in pairs)
    return PerExample(base=base, adapter=adapter, better=better, plot=scatter(pairs, label=plain))


def example_lines(evidence: Evidence) -> tuple[ExampleLine, ...]:
    """Put input, reference, prediction and scores side by side, in the order of the test set."""
    texts = {one.id: one for one in evidence.examples}
    base = {one.id: one for one in evidence.base}
    adapter = {one.id: one for one in evidence.adapter}
    known = dict.fromkeys([*texts, *adapter])
    unknown = [one for one in evidence.predictions if one not in known][:MOST_UNKNOWN]
    return tuple(
        ExampleLine(
            id=one,
            instruction=texts[one].instruction if one in texts else None,
            reference=texts[one].output if one in texts else None,
            prediction=evidence.predictions.get(one),
            tokens=adapter[one].tokens if one in adapter else None,
            base_perplexity=base[one].perplexity if one in base else None,
            perplexity=adapter[one].perplexity if one in adapter else None,
            chrf=evidence.chrf.get(one),
            dropped=one in evidence.dropped,
        )
        for one in (*known, *unknown)
    )


def _public_lines(record: Record, evidence: Evidence) -> tuple[ExampleLine, ...]:
    """Give ids and figures alone, and these only of data that students have."""
    if record.assignment.split != "public":
        return ()
    figures = Evidence(base=evidence.base, adapter=evidence.adapter, dropped=evidence.dropped)
    return example_lines(figures)
