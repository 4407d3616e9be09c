"""Findings about what was packed and how."""

from collections.abc import Mapping

from harness.language import message
from harness.model.catalogue.entry import Entry

INTAKE: Mapping[str, Entry] = {
    "INT001": Entry(
        severity="error",
        title=message("archive cannot be read"),
        why=message(
            "Nothing can be graded: what is inside cannot be reached. Zip, tar (plain, gz, xz, bz2, zst) and git bundles are read."
        ),
        fix=message("Pack the folder again with `zip -r ID.zip ID` and hand that in."),
        wrong=message("a .rar or .7z that was renamed to .zip, or an upload that broke off"),
        right="zip -r r13921031.zip r13921031 && unzip -t r13921031.zip",
    ),
    "INT002": Entry(
        severity="error",
        title=message("archive entry is not allowed"),
        why=message(
            "A link or a path with `..` can lead out of the folder that is graded, so such an archive is not unpacked at all."
        ),
        fix=message("Pack plain files and folders only, without links or `..` in paths."),
        wrong="adapter_checkpoint -> ../runs/best/",
        right="cp -r ../runs/best adapter_checkpoint",
    ),
    "INT003": Entry(
        severity="error",
        title=message("archive is too large when unpacked"),
        why=message(
            "The grading machine unpacks hundreds of submissions: size and number of files have a limit, which the finding names."
        ),
        fix=message("Leave models, data and caches out of the archive."),
        wrong="r13921031/wandb/ r13921031/checkpoint-500/ r13921031/.venv/",
        right="zip -r r13921031.zip r13921031 -x '*/wandb/*' '*/checkpoint-*' '*/.venv/*'",
    ),
    "INT004": Entry(
        severity="error",
        title=message("required file is missing"),
        why=message("The grader starts the submission by these files. Without one of them there is nothing to start."),
        fix=message("Put the file at the named place and pack again."),
        wrong="r13921031/code/Run.sh",
        right="r13921031/run.sh",
    ),
    "INT005": Entry(
        severity="error",
        title=message("forbidden file is packed along"),
        why=message(
            "The base model and the data are on the grading machine already. A copy only makes the submission too large to handle."
        ),
        fix=message("Remove the file: the base model lies on the grading machine."),
        wrong="r13921031/Qwen3-4B/model-00001-of-00003.safetensors",
        right="r13921031/run.sh r13921031/download.sh r13921031/utils.py",
    ),
    "INT006": Entry(
        severity="warning",
        title=message("student id not found"),
        why=message(
            "The grade is filed under the student id. Without one it has to be given by hand, and may get lost."
        ),
        fix=message("Name the folder or archive after the student id, or give it with --student-id."),
        wrong="homework3_final.zip",
        right="r13921031.zip",
    ),
    "INT007": Entry(
        severity="warning",
        title=message("file names were repaired"),
        why=message(
            "Names in another encoding, or with `\\`, are guessed: a script that looks for the old name may not find the file."
        ),
        fix=message("Use UTF-8 names; nothing else to do."),
        wrong="code\\utils.py",
        right="code/utils.py",
    ),
    "INT008": Entry(
        severity="warning",
        title=message("weights lie in the submission"),
        why=message(
            "What counts is what download.sh fetches. Where weights lie there already its link may never be tried, and in an archive they count as code does: an adapter of some size is refused (INT003)."
        ),
        fix=message(
            "Hand in the link, not the weights: upload the adapter's zip; `submission/pack.py` writes its link into download.sh and packs the rest."
        ),
        wrong="r13921031/adapter_checkpoint/adapter_model.safetensors",
        right='ADAPTER_SOURCE="https://drive.google.com/file/d/1AbCdEf/view"',
    ),
    "INT020": Entry(
        severity="warning",
        title=message("pickle packed along"),
        why=message(
            "A pickle is a program that runs when it is opened. The grader never opens one, and adapters in this form are refused."
        ),
        fix=message("Leave it out, or save weights as safetensors: a pickle can run code when it is opened."),
        wrong="adapter_checkpoint/adapter_model.bin",
        right="adapter_checkpoint/adapter_model.safetensors",
    ),
}
