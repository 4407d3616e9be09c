"""The stages of a quick check: admit and validate on files that lie there already, and a word for all it leaves out.

They call the stages that grading calls, with an adapter and predictions that no program brought just now.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from harness.files import NotPlain, read_untrusted, write_whole
from harness.intake.adapter.claim import claimed_base
from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.gate import SCANNED_UP_TO, WEIGHTS
from harness.language import message
from harness.model.finding import finding
from harness.model.result import StageResult, StageStatus
from harness.model.submission import Submission
from harness.stages.admit import admit
from harness.stages.context import PREDICTIONS, Context, Workspace
from harness.stages.outcome import Clock, done, without_work
from harness.stages.run import most_bytes
from harness.stages.validate import validate
from harness.text import visible

NOT_LOOKED_AT = message("not looked at")
_NEEDS_INTAKE = message("needs {stages}", stages=("intake",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the user named beside the submission: the adapter's folder, the predictions file; None: what lies in it."""

    adapter: Path | None = None
    predictions: Path | None = None

    def admit(self, context: Context, submission: Submission, workspace: Workspace) -> StageResult:
        """Put the adapter where `download.sh` would, and let the gate judge it.

        Without a base model any of the assignment's may be meant, and the shapes are not compared.
        """
        path = context.assignment.adapter.path
        if self.adapter is not None:
            workspace = replace(workspace, scratch=workspace.scratch / "given")
            most_bytes = SCANNED_UP_TO * context.assignment.adapter.max_bytes
            _copy_adapter(self.adapter, workspace.tree / path, most_bytes=most_bytes)
        folder = workspace.tree / path
        if not any((folder / name).exists() for name in (CONFIG, WEIGHTS)):
            words = message("not looked at: no adapter in {folder}; give --adapter FOLDER", folder=path)
            return without_work("admit", StageStatus.SKIPPED, words if workspace.tree.is_dir() else _NEEDS_INTAKE)
        if context.base_shapes is not None:
            return admit(context, submission, workspace)
        names = claimed_base(folder)
        bases = [one for one in context.assignment.base_models if one.name.lower() == (names or "").lower()]
        result = admit(replace(context, base=bases[0]) if bases else context, submission, workspace)
        words = message("{summary}; shapes not compared: give --base-model", summary=result.summary)
        return replace(result, summary=words)

    def validate(self, context: Context, submission: Submission, workspace: Workspace) -> StageResult:
        """Take the predictions as if `run.sh` had just written them, and let validate judge them."""
        clock = Clock()
        folder, name = workspace.tree, PREDICTIONS
        if self.predictions is not None:
            folder, name = self.predictions.parent, self.predictions.name
        elif not (folder / name).exists():
            words = message("not looked at: no {name} in the submission; give --predictions FILE", name=name)
            return without_work("validate", StageStatus.SKIPPED, words if folder.is_dir() else _NEEDS_INTAKE)
        max_bytes = most_bytes(len(context.examples))
        try:
            write_whole(workspace.predictions, read_untrusted(folder, name, max_bytes=max_bytes))
        except NotPlain as problem:
            return done(
                "validate",
                clock,
                [finding("RUN004", message("{problem}.", problem=problem.words))],
                summary=message("no predictions"),
            )
        return validate(context, submission, workspace, file=visible(str(self.predictions or PREDICTIONS)))


def left_out(stage: str) -> StageResult:
    """Give the result of a stage that a quick check does not look at."""
    return without_work(stage, StageStatus.SKIPPED, NOT_LOOKED_AT)


def _copy_adapter(source: Path, target: Path, *, most_bytes: int) -> None:
    """Copy what the gate reads of an adapter's folder; of all else it sees names and sizes, in files without content.

    What lies in folders of it is left out: checkpoints of a training, or a whole model, take gigabytes.
    """
    target.mkdir(parents=True)
    for one in source.iterdir():
        if one.is_symlink() or (one.name in (CONFIG, WEIGHTS) and one.is_file() and one.stat().st_size <= most_bytes):
            shutil.copyfile(one, target / one.name, follow_symlinks=False)
        elif one.is_file():
            with (target / one.name).open("wb") as stand_in:
                stand_in.truncate(one.stat().st_size)
