"""Notes on what differs between a student's check and the grading. They cost no points."""

from collections.abc import Mapping

from harness.language import message
from harness.model.catalogue.entry import Entry

PARITY: Mapping[str, Entry] = {
    "PAR001": Entry(
        severity="info",
        title=message("receipt of a check cannot be read"),
        why=message("Without it, grading cannot tell what differs from your check. It changes no grade."),
        fix=message(
            "Nothing is lost: it is only compared. Pack `check_receipt.json` as `harness check` wrote it, or leave it out."
        ),
        wrong=message("check_receipt.json was edited"),
        right="cp runs/check/submissions/r13921031/check_receipt.json r13921031/",
    ),
    "PAR002": Entry(
        severity="info",
        title=message("another adapter than in the check"),
        why=message("The score is that of another file than the one you checked."),
        fix=message(
            "See that the link in download.sh leads to the file that you checked, and that it was not overwritten."
        ),
        wrong=message("the check ran on a local copy, and the link leads to an older upload"),
        right="rm -r adapter_checkpoint && bash download.sh && sha256sum adapter_checkpoint/*",
    ),
    "PAR003": Entry(
        severity="info",
        title=message("files are not those of the check"),
        why=message("What passed in the check may not be what was handed in."),
        fix=message("If that was not meant, check the folder again and pack that."),
        wrong=message("utils.py was edited after the check"),
        right="harness check r13921031.zip",
    ),
    "PAR004": Entry(
        severity="info",
        title=message("another image or other packages than in the check"),
        why=message("Other versions of Python packages may behave in another way: what ran at home may fail here."),
        fix=message("Check with the image that the course uses."),
        wrong="harness check r13921031 --sandbox process",
        right="harness check r13921031 --sandbox docker --image-lock image.lock",
    ),
    "PAR005": Entry(
        severity="info",
        title=message("another assignment or base model than in the check"),
        why=message("Limits, thresholds or the model are others, so the check said nothing about this grading."),
        fix=message("Check with the assignment's current files and base model."),
        wrong="harness check r13921031 --base-model Qwen3-tiny",
        right="harness check r13921031 --base-model Qwen3-4B",
    ),
    "PAR006": Entry(
        severity="info",
        title=message("a stage needed much more than in the check"),
        why=message("Near a limit, this decides between a grade and none."),
        fix=message("Leave room below the limits: the grading machine may be slower, and its data larger."),
        wrong=message("run took nearly all of its time in the check"),
        right=message("run took less than half of its time in the check"),
    ),
    "PAR007": Entry(
        severity="info",
        title=message("another result than in the check"),
        why=message(
            "It passed at home and not here, or the other way round. The notes beside this one say what differs."
        ),
        fix=message("Compare both records; the findings of the stages say what failed."),
        wrong=message("the check passed, and this grading found errors"),
        right=message("check and grading end in the same way"),
    ),
}
