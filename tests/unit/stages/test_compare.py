"""The stage of the text metrics, run for real in the process sandbox."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import EnvironmentFault, SandboxFault
from harness.model.assignment import Example
from harness.model.result import StageStatus
from harness.model.submission import Submission
from harness.stages.compare import compare, read_text
from harness.stages.context import Context, Workspace

pytestmark = pytest.mark.torch
EXAMPLES = (
    Example(id="a", instruction="師問曰", output="老師問道。"),
    Example(id="b", instruction="吾未知也", output="我還不知道。"),
)
PREDICTIONS = [{"id": "b", "output": "吾未知也"}, {"id": "a", "output": "老師問道。"}]


@pytest.fixture
def context(context: Context) -> Context:
    return replace(context, examples=EXAMPLES, split="private")


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    return Submission(id="r13921031", source=tmp_path)


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    workspace.predictions.write_text(json.dumps(PREDICTIONS, ensure_ascii=False), encoding="utf-8")
    return workspace


def test_figures_are_kept_by_example_and_no_text_is(
    context: Context, submission: Submission, workspace: Workspace
) -> None:
    result = compare(context, submission, workspace)
    assert (result.stage, result.status, result.findings) == ("compare", StageStatus.PASSED, ())
    assert result.receipt is not None and result.receipt.exit_code == 0
    found = read_text(workspace)
    assert found is not None
    assert result.summary == f"chrF++ {found.chrf:.2f}, BLEU {found.bleu:.2f}"
    assert (found.examples, found.exact_match, found.copied, found.empty) == (2, 0.5, 0.5, 0.0)
    assert found.length_ratio == 9 / 11
    assert "|tok:zh|" in found.bleu_signature
    kept = json.loads(workspace.compare.read_text(encoding="utf-8"))["examples"]
    assert [one["id"] for one in kept] == ["a", "b"]
    assert kept[0]["chrf"] == pytest.approx(100.0) and kept[1]["chrf"] < 30
    for path in (workspace.compare, *workspace.logs.iterdir()):
        text = path.read_text(encoding="utf-8")
        assert "老師" not in text and "\\u" not in text, path.name


def test_nothing_compared_is_none(workspace: Workspace) -> None:
    assert read_text(workspace) is None


def test_an_end_without_an_answer_is_our_fault(context: Context, submission: Submission, workspace: Workspace) -> None:
    score = replace(context.assignment.stages.score, timeout_s=0.01)
    hurried = replace(context.assignment, stages=replace(context.assignment.stages, score=score))
    with pytest.raises(SandboxFault, match=r"The text metrics ended with deadline, exit code None") as caught:
        compare(replace(context, assignment=hurried), submission, workspace)
    assert caught.value.remedy.startswith("Raise the limits of stages.score")
    assert read_text(workspace) is None


def test_a_missing_package_is_the_machines_fault(
    context: Context, submission: Submission, workspace: Workspace, tmp_path: Path
) -> None:
    package = tmp_path / "without" / "harness"
    shutil.copytree(context.harness_package, package)
    (package.parent / "sacrebleu.py").write_text("raise ImportError('No module named sacrebleu')\n")
    with pytest.raises(EnvironmentFault, match="not installed: No module named sacrebleu"):
        compare(replace(context, harness_package=package), submission, workspace)
