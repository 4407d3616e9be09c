"""Admit: the adapter gate, a sanitised copy that no student program can change afterwards, and its sketch."""

from harness.errors import SandboxFault
from harness.files import write_whole
from harness.intake.adapter.gate import admit_copy, check_adapter
from harness.language import message
from harness.model.result import StageResult
from harness.model.submission import Submission
from harness.stages.context import Context, Workspace
from harness.stages.outcome import Clock, done
from harness.stages.sketch import keep_sketch


def admit(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Check the fetched adapter against the rules and the base model, and copy it to `workspace.adapter`.

    A sketch of it stays as evidence: the weights do not.

    Raises:
        EnvironmentFault: The disk cannot be read.
        SandboxFault: The adapter changed while it was looked at.
    """
    clock = Clock()
    rules = context.assignment.adapter
    folder = workspace.tree / rules.path
    verdict = check_adapter(folder, rules=rules, base=context.base_shapes, base_name=context.base.name)
    if verdict.config is None:
        return done("admit", clock, verdict.findings, summary=message("adapter refused"))
    if (sha256 := admit_copy(folder, workspace.adapter, verdict.config)) != verdict.sha256:
        raise SandboxFault(
            "The adapter changed between the check and the copy: something of download.sh still runs.",
            remedy="Grade again with --sandbox docker, which ends every process of a stage.",
        )
    write_whole(workspace.adapter_digest, sha256.encode())
    if context.sketches:
        keep_sketch(workspace.adapter, workspace.sketch, sha256=sha256)
    return done("admit", clock, verdict.findings, summary=message("LoRA of rank {rank}", rank=str(verdict.config["r"])))
