"""Intake: unpack safely, find the root, check what must and must not be there, look at the scripts. Runs nothing."""

import shutil
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from harness.files import write_json, write_whole
from harness.intake.archive.unpack import unpack
from harness.intake.layout import check_layout, digest_of, find_root, tree_files
from harness.intake.pickles import find_pickles
from harness.intake.scripts import Surroundings, inspect_scripts
from harness.intake.weights import find_weights, weights_apart
from harness.language import message
from harness.model.finding import finding, has_error
from harness.model.result import StageResult
from harness.model.submission import Submission
from harness.stages.context import Context, Workspace
from harness.stages.outcome import Clock, done
from harness.stages.parity import take_receipt
from harness.text import visible


def intake(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Fill `workspace.tree` from the folder, archive or repository."""
    clock = Clock()
    rules = context.assignment.submission
    unpacked = workspace.scratch / "unpacked"
    weights = weights_apart(submission.source, context.assignment.adapter) if submission.draft else None
    findings = list(
        unpack(
            submission.source,
            unpacked,
            max_bytes=rules.max_bytes,
            max_files=rules.max_files,
            ignored=rules.ignored,
            revision=submission.revision,
            apart=weights,
        )
    )
    if not submission.id_found:
        findings.append(
            finding(
                "INT006",
                message("`{name}` holds no student id", name=visible(submission.source.name, 120)),
                limit=message("pattern {pattern}", pattern=rules.student_id),
            )
        )
    if not unpacked.is_dir():
        return done("intake", clock, findings, summary=message("could not be unpacked"))
    root = find_root(unpacked)
    entered = root.name if root != unpacked else ""
    shutil.move(root, workspace.tree)
    files = tree_files(workspace.tree)
    write_whole(workspace.tree_digest, digest_of(files).encode())
    write_json(workspace.files, [{**asdict(one), "path": visible(one.path)} for one in files if one.kind != "d"])
    apart = PurePosixPath(context.assignment.adapter.path, weights.name).as_posix() if weights else None
    findings += check_layout(workspace.tree, rules, entered=entered, apart=apart)
    findings += inspect_scripts(workspace.tree, _surroundings(context))
    findings += find_pickles(workspace.tree)
    findings += find_weights(workspace.tree, context.assignment.adapter)
    findings += take_receipt(workspace)
    count = sum(path.is_file() for path in _walk(workspace.tree))
    summary = message("not acceptable") if has_error(findings) else message("{count} files", count=count)
    return done("intake", clock, findings, summary=summary)


def _surroundings(context: Context) -> Surroundings:
    data = context.assignment.data
    names = {PurePosixPath(path).name for path in (data.public, data.private)}
    return Surroundings(gdown=context.packages.get("gdown"), test_files=tuple(sorted(names)))


def _walk(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if not path.is_symlink()]
