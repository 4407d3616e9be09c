"""A run folder as grading leaves it, with records through the real writer and made-up losses."""

import json
import math
import random
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.batch.store import RunStore, evidence_of
from harness.files import sha256_file, write_json, write_whole
from harness.grading.rubric import Measured
from harness.grading.verdict import decide
from harness.model.extension import Extension
from harness.model.result import (
    AssignmentRef,
    ExampleScore,
    Outcome,
    Record,
    StageResult,
    StageStatus,
    SubmissionRef,
    TextMetrics,
)
from harness.schema.assignment import LoadedAssignment, load_assignment, load_examples
from harness.scoring.definition import aggregate, perplexity
from harness.scoring.protocol import example_to_json

HOMEWORK = Path(__file__).parents[2] / "schema" / "examples" / "good" / "assignment.v1--zone.yaml"
DEADLINE = datetime(2026, 12, 31, 15, 59, tzinfo=UTC)
EXAMPLES = 6
BASE = 60.0
COUNT = 40
TEXT = TextMetrics(
    examples=EXAMPLES,
    chrf=21.5,
    chrf_signature="c",
    bleu=12.25,
    bleu_signature="b",
    exact_match=0.0,
    length_ratio=1.0,
    empty=0.0,
    copied=0.0,
)

Edit = Callable[..., LoadedAssignment]


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedAssignment:
    """The assignment that everybody was graded by: public 40, strong 30, no tokens, 10 % a late day."""
    return make_assignment(tmp_path / "assignment")


def make_assignment(folder: Path) -> LoadedAssignment:
    (folder / "data").mkdir(parents=True)
    rows = [{"id": f"e{number}", "instruction": "q", "output": "字" * (number + 1)} for number in range(EXAMPLES)]
    for name in ("train", "public", "private"):
        (folder / "data" / f"{name}.json").write_text(json.dumps(rows))
    text = HOMEWORK.read_text(encoding="utf-8")
    for before, after in (
        ("public: 200.0", "public: 40.0"),
        ("strong: 120.0", "strong: 30.0"),
        ("tokens: 4", "tokens: 0"),
    ):
        assert before in text, before
        text = text.replace(before, after)
    (folder / "assignment.yaml").write_text(text, encoding="utf-8")
    return load_assignment(folder)


@pytest.fixture
def edit(loaded: LoadedAssignment) -> Edit:
    """Give a function that loads the assignment with pieces of its text replaced."""

    def apply(*changes: tuple[str, str]) -> LoadedAssignment:
        text = (loaded.folder / "assignment.yaml").read_text(encoding="utf-8")
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after)
        path = loaded.folder / "other.yaml"
        path.write_text(text, encoding="utf-8")
        return load_assignment(path)

    return apply


def examples(level: float, seed: int) -> tuple[ExampleScore, ...]:
    """Losses around a perplexity."""
    chance = random.Random(seed)
    rows = []
    for number in range(EXAMPLES):
        tokens = chance.randint(3, 30)
        nll = tokens * chance.uniform(0.9, 1.1) * math.log(level)
        rows.append(ExampleScore(id=f"e{number}", tokens=tokens, nll_nats=nll, perplexity=perplexity(nll, tokens)))
    return tuple(rows)


def student(number: int) -> str:
    return f"r{13921000 + number:08d}"


def stages(*, valid: bool) -> tuple[StageResult, ...]:
    status = StageStatus.PASSED if valid else StageStatus.SKIPPED
    return (StageResult(stage="validate", status=status, summary="", duration_s=0.0),)


@pytest.fixture(scope="session")
def class_of_40(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 40 submissions, to be copied: scores from 20 to 50, each fourth up to six days late."""
    folder = tmp_path_factory.mktemp("class")
    loaded, store = make_assignment(folder / "assignment"), RunStore(folder / "run")
    for number in range(COUNT):
        add_submission(store, loaded, number, level=20.0 + 30.0 * number / COUNT)
    return store.root


def add_submission(
    store: RunStore, loaded: LoadedAssignment, number: int, *, level: float, extension: Extension | None = None
) -> Record:
    """Write one submission as the pipeline does: evidence first, then the record through the store."""
    workspace = store.open(student(number))
    base, adapter = examples(BASE, 1), examples(level, number)
    data = loaded.folder / loaded.assignment.data.private
    characters = sum(len(one.output) for one in load_examples(data))
    score = aggregate(adapter, characters=characters, base_perplexity=aggregate(base, characters=characters).perplexity)
    kept = {"base": [example_to_json(one) for one in base], "adapter": [example_to_json(one) for one in adapter]}
    write_json(workspace.score, {"score": asdict(score), **kept})
    write_json(workspace.predictions, [{"id": f"e{one}", "output": "x"} for one in range(EXAMPLES)])
    write_whole(workspace.logs / "run.stdout.log", b"")
    late_days = number // 4 % 7 if number % 4 == 0 else 0
    submitted_at = DEADLINE + timedelta(hours=24 * late_days - 1)
    assignment = loaded.assignment
    base_model = next(one for one in assignment.base_models if one.name == "Qwen3-tiny")
    valid = number % 10 != 9
    made = Record(
        harness_version="0.1.0",
        graded_at="2027-01-08T00:00:00+00:00",
        outcome=Outcome.PASSED,
        sandbox="docker",
        isolated=True,
        image_id=None,
        assignment=AssignmentRef(
            name=assignment.name,
            sha256=loaded.sha256,
            base_model=base_model.name,
            split="private",
            data_sha256=sha256_file(data),
        ),
        submission=SubmissionRef(
            id=student(number),
            source=f"{student(number)}.zip",
            tree_sha256=None,
            adapter_sha256=None,
            submitted_at=submitted_at.isoformat(),
            extension=extension,
        ),
        stages=stages(valid=valid),
        score=score,
        text=TEXT,
        verdict=decide(
            assignment,
            base_model,
            Measured(valid_predictions=valid, score=score),
            submitted_at=submitted_at,
            extension=extension,
        ),
        fault=None,
        evidence=evidence_of(workspace),
    )
    store.write(made)
    store.close(workspace)
    return made
