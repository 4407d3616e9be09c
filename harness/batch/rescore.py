"""Borderline scores taken once more, on this machine. Changes no grade: it says whether the decision stands."""

import json
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from harness.batch.kept import PROMPTS, Trusted, read_one
from harness.batch.plan import find_base
from harness.batch.rejudge import CannotRegradeError, Rules, load_data, same_data
from harness.errors import SandboxFault
from harness.files import sha256_file
from harness.intake.adapter.base import BaseShapes, read_base_shapes
from harness.intake.adapter.gate import admit_copy, check_adapter
from harness.model.assignment import BaseModel
from harness.model.regrade import LeftOut, Near, Rescored
from harness.model.result import Score
from harness.scoring.client import worker_command
from harness.scoring.definition import aggregate
from harness.scoring.local import local_worker
from harness.scoring.protocol import Failure, PromptedExample, Request
from harness.scoring.resident import ResidentWorker

WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescoring:
    """What scoring again needs.

    Attributes:
        base_path: Folder of the base model, named after it.
        adapters: Folder that holds the adapters, however deep; they are known by the SHA-256 of their weights.
        environment: All environment variables of the worker, with this package on its PYTHONPATH.
    """

    base_path: Path
    adapters: Path
    environment: Mapping[str, str]


def rescore(run: Path, near: Sequence[Near], rules: Rules, how: Rescoring) -> tuple[Rescored, ...]:
    """Score again what is near a threshold.

    Args:
        run: The run that holds their evidence.
        near: The borderline scores.
        rules: What the grades go by; examples that it drops are not scored.
        how: Base model, adapters and environment.

    Raises:
        ConfigError: The base model is none of the assignment's, or the data file cannot be used.
        EnvironmentFault: The base model or the packages cannot be used.
    """
    by_id = groupby(sorted(near, key=lambda one: (one.id, one.line)), key=lambda one: one.id)
    lines = {key: tuple(group) for key, group in by_id}
    if not lines:
        return ()
    base, shapes = find_base(rules.loaded.assignment, how.base_path), read_base_shapes(how.base_path)
    kept = {key: read_one(run / "submissions" / key) for key in lines}
    wanted = {one.record.submission.adapter_sha256 for one in kept.values() if isinstance(one, Trusted)}
    folders = dict(_find_adapters(how.adapters, {one for one in wanted if one}))
    with ExitStack() as open_now:
        scratch = Path(open_now.enter_context(tempfile.TemporaryDirectory()))
        scorer = _Scorer(rules, base, shapes, scratch, open_now.enter_context(_worker(rules, how, scratch)))
        return tuple(row for key, rows in lines.items() for row in _again(scorer, kept[key], rows, folders))


def _worker(rules: Rules, how: Rescoring, scratch: Path) -> ResidentWorker:
    scoring = rules.loaded.assignment.scoring
    command = worker_command(
        sys.executable,
        str(how.base_path),
        quantization=scoring.quantization,
        device="auto",
        dtype="auto",
        max_tokens=scoring.max_tokens,
    )
    return ResidentWorker(partial(local_worker, command, environment=how.environment, log=scratch / "worker.log"))


def _find_adapters(root: Path, wanted: set[str]) -> Iterator[tuple[str, Path]]:
    """Look for weights by their SHA-256 until all are found."""
    missing = set(wanted)
    for path in sorted(root.rglob(WEIGHTS)):
        if not missing:
            return
        if path.is_file() and (sha256 := sha256_file(path)) in missing:
            missing.remove(sha256)
            yield sha256, path.parent


@dataclass(frozen=True, slots=True)
class _Scorer:
    """One warm worker, and what each adapter is held against before it gets there."""

    rules: Rules
    base: BaseModel
    shapes: BaseShapes
    scratch: Path
    worker: ResidentWorker

    def score(self, kept: Trusted, folder: Path) -> Score:
        """Score one adapter.

        Raises:
            CannotRegradeError: It is not to be scored; the text says why.
            EnvironmentFault: The base model or the packages cannot be used.
        """
        if kept.record.assignment.base_model != self.base.name:
            raise CannotRegradeError(f"it was scored on {kept.record.assignment.base_model}, not {self.base.name}")
        adapter = self._admit(kept, folder)
        examples = _examples(kept, self.rules)
        try:
            outcome = self.worker.score(Request(id=kept.record.submission.id, adapter=str(adapter), examples=examples))
        except SandboxFault as fault:
            raise CannotRegradeError(str(fault)) from fault
        if isinstance(outcome, Failure):
            raise CannotRegradeError(outcome.message)
        return aggregate(outcome.examples, characters=sum(len(one.output) for one in examples))

    def _admit(self, kept: Trusted, folder: Path) -> Path:
        rules = self.rules.loaded.assignment.adapter
        verdict = check_adapter(folder, rules=rules, base=self.shapes, base_name=self.base.name)
        if verdict.config is None:
            raise CannotRegradeError(f"its adapter is refused: {', '.join(one.code for one in verdict.findings)}")
        target = self.scratch / kept.record.submission.id
        if admit_copy(folder, target, verdict.config) != kept.record.submission.adapter_sha256:
            raise CannotRegradeError("its adapter changed while it was read")
        return target


def _examples(kept: Trusted, rules: Rules) -> tuple[PromptedExample, ...]:
    """Pair the prompts of the evidence with the references, without the dropped examples."""
    data = same_data(load_data(rules.loaded, kept.record.assignment.split), kept.record)
    if PROMPTS not in {one.path for one in kept.record.evidence}:
        raise CannotRegradeError(f"its evidence has no {PROMPTS}")
    dropped: Collection[str] = {*kept.dropped, *rules.dropped}
    try:
        rows = json.loads((kept.folder / PROMPTS).read_text(encoding="utf-8"))
        prompts: dict[str, str] = {row["id"]: row["prompt"] for row in rows}
        return tuple(
            PromptedExample(id=one.id, prompt=prompts[one.id], output=one.output)
            for one in data.examples
            if one.id not in dropped
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CannotRegradeError(f"{PROMPTS} cannot be read: {error}") from error


def _again(
    scorer: _Scorer, kept: Trusted | LeftOut, near: Sequence[Near], folders: Mapping[str, Path]
) -> Iterator[Rescored]:
    score, problem = None, ""
    if isinstance(kept, LeftOut):
        problem = kept.reason
    elif (folder := folders.get(kept.record.submission.adapter_sha256 or "")) is None:
        problem = "its adapter is not in the folder of adapters"
    else:
        try:
            score = scorer.score(kept, folder)
        except CannotRegradeError as error:
            problem = str(error)
    for one in near:
        after = None if score is None else float(getattr(score, one.metric))
        yield Rescored(
            id=one.id, line=one.line, threshold=one.threshold, before=one.score, after=after, problem=problem
        )
