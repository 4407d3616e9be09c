"""The warm scorer: one worker for many adapters, figures of the base model kept by prompts, fresh after a stop."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.simulated import SimulatedSandbox
from harness.sandbox.interface import Job
from harness.sandbox.session import Session
from harness.schema.assignment import load_assignment
from harness.scoring.protocol import PromptedExample, Request, Result, decode_request
from harness.stages.scorer import Scorer


class Watched(SimulatedSandbox):
    """Notes how often a worker is started, and what it is asked."""

    def __init__(self) -> None:
        super().__init__(lambda submission, stage: 0.0)
        self.starts: list[Job] = []
        self.asked: list[Request] = []

    @contextmanager
    def serve(self, job: Job) -> Iterator[Session]:
        self.starts.append(job)
        with super().serve(job) as session:

            def send(line: str) -> None:
                self.asked.append(decode_request(line))
                session.send(line)

            yield Session(session.lines, send)


@pytest.fixture
def sandbox() -> Watched:
    return Watched()


@pytest.fixture
def scorer(sandbox: Watched, root: Path, tmp_path: Path) -> Scorer:
    assignment = load_assignment(root / "assignments" / "classical-chinese").assignment
    return Scorer(
        sandbox,
        assignment=assignment,
        base=assignment.base_models[1],
        base_path=tmp_path / "Qwen3-tiny",
        package=root / "harness",
        adapters=tmp_path / "adapters",
        folder=tmp_path / "scorer",
    )


def examples(prompt: str) -> tuple[PromptedExample, ...]:
    return tuple(PromptedExample(id=str(number), prompt=prompt, output="out") for number in range(2))


def test_one_worker_scores_all_and_the_base_once_for_each_set_of_prompts(
    scorer: Scorer, sandbox: Watched, tmp_path: Path
) -> None:
    for name, prompt in (("a", "same"), ("b", "same"), ("c", "other"), ("d", "same")):
        scored = scorer.score(tmp_path / "adapters" / name, examples(prompt))
        assert isinstance(scored.base, Result) and isinstance(scored.adapter, Result)
        assert [one.id for one in scored.adapter.examples] == ["0", "1"]
    assert len(sandbox.starts) == 1
    asked = [(Path(one.adapter).name if one.adapter else "base", one.examples[0].prompt) for one in sandbox.asked]
    assert asked == [
        ("base", "same"),
        ("a", "same"),
        ("b", "same"),
        ("base", "other"),
        ("c", "other"),
        ("d", "same"),
    ]


def test_the_references_count_as_much_as_the_prompts(scorer: Scorer, sandbox: Watched, tmp_path: Path) -> None:
    first = examples("same")
    scorer.score(tmp_path / "adapters" / "a", first)
    scorer.score(tmp_path / "adapters" / "a", first[:1])
    assert [one.adapter is None for one in sandbox.asked] == [True, False, True, False]


def test_after_a_stop_the_next_score_starts_another(scorer: Scorer, sandbox: Watched, tmp_path: Path) -> None:
    scorer.score(tmp_path / "adapters" / "a", examples("x"))
    scorer.stop()
    scorer.stop()
    scorer.score(tmp_path / "adapters" / "b", examples("x"))
    assert len(sandbox.starts) == 2
    assert [one.adapter is None for one in sandbox.asked] == [True, False, False]


def test_the_worker_sees_base_model_package_adapters_and_a_cache_of_its_own(
    scorer: Scorer, sandbox: Watched, tmp_path: Path
) -> None:
    scorer.score(tmp_path / "adapters" / "a", examples("x"))
    mounts = {one.source.name: one.writable for one in sandbox.starts[0].mounts}
    assert mounts == {"Qwen3-tiny": False, "harness": False, "adapters": False, "cache": True}
    assert sandbox.starts[0].hosts == ()
