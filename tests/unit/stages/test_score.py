"""What the score stage says of an adapter that our real worker refuses, or that gives no finite perplexity."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.assignment import Example, Quantization
from harness.model.finding import Finding
from harness.model.result import StageStatus
from harness.model.submission import Submission
from harness.sandbox.process import ProcessSandbox
from harness.stages.context import Context, Workspace
from harness.stages.score import score
from harness.stages.scorer import Scorer
from tests.unit.scoring.conftest import save_adapter, save_base

pytestmark = [pytest.mark.torch, pytest.mark.slow]
EXAMPLE = Example(id="p1", instruction="子曰學而時習之", output="不亦說乎")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="needs the extra [local]")
    folder = tmp_path_factory.mktemp("base")
    save_base(folder, tied=True, bos=False)
    return folder


def found(context: Context, workspace: Workspace, base: Path, *, prompt: str) -> tuple[Finding, ...]:
    plain = replace(context.assignment.scoring, quantization=Quantization(load_in_4bit=False))
    scorer = Scorer(
        ProcessSandbox(),
        assignment=replace(context.assignment, scoring=plain),
        base=context.base,
        base_path=base,
        package=context.harness_package,
        adapters=workspace.adapter.parent,
        folder=workspace.kept / "scorer",
    )
    workspace.prompts.write_text(json.dumps([{"id": EXAMPLE.id, "prompt": prompt}]), encoding="utf-8")
    try:
        submission = Submission(id="r1", source=workspace.scratch, id_found=True, submitted_at=None)
        result = score(replace(context, examples=(EXAMPLE,), scorer=scorer), submission, workspace)
    finally:
        scorer.stop()
    assert (result.status is StageStatus.FAILED) == bool(result.findings)
    return result.findings


def test_an_adapter_that_does_not_load(context: Context, workspace: Workspace, base: Path) -> None:
    workspace.adapter.mkdir()
    (one,) = found(context, workspace, base, prompt="x")
    assert (one.code, one.seen) == ("SCO001", "adapter_config.json cannot be used: no such file or directory")


def test_a_prompt_that_fills_all(context: Context, workspace: Workspace, base: Path) -> None:
    save_adapter(workspace.adapter, base, targets=["q_proj"], seed=1, scale=0.3, dtype="float32")
    (one,) = found(context, workspace, base, prompt="x" * 9000)
    assert one.code == "SCO003"
    assert one.seen.startswith("example 'p1': the prompt has ")


def test_values_beyond_all_measure(context: Context, workspace: Workspace, base: Path) -> None:
    save_adapter(workspace.adapter, base, targets=["v_proj", "o_proj"], seed=1, scale=1e38, dtype="float32")
    (one,) = found(context, workspace, base, prompt="x")
    assert (one.code, one.seen) == ("SCO002", "1 of 1 examples, first: p1")
