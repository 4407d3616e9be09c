"""Every finding code in one place: severity, title, usual remedy. Codes are stable; a code is never used again.

The three letters name the stage: INT intake, FET fetch, ADM admit, REN render, RUN run, VAL validate, SCO score; PAR is the
receipt of an earlier check, compared at the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from harness.language import Message, message


@dataclass(frozen=True, slots=True)
class Entry:
    """What the catalogue knows of one code: severity (error, warning, info), title, and how it is usually fixed."""

    severity: str
    title: Message
    fix: Message


CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {
        "INT001": Entry(
            "error",
            message("archive cannot be read"),
            message("Pack the folder again with `zip -r ID.zip ID` and hand that in."),
        ),
        "INT002": Entry(
            "error",
            message("archive entry is not allowed"),
            message("Pack plain files and folders only, without links or `..` in paths."),
        ),
        "INT003": Entry(
            "error",
            message("archive is too large when unpacked"),
            message("Leave models, data and caches out of the archive."),
        ),
        "INT004": Entry(
            "error", message("required file is missing"), message("Put the file at the named place and pack again.")
        ),
        "INT005": Entry(
            "error",
            message("forbidden file is packed along"),
            message("Remove the file: the base model lies on the grading machine."),
        ),
        "INT006": Entry(
            "warning",
            message("student id not found"),
            message("Name the folder or archive after the student id, or give it with --student-id."),
        ),
        "INT007": Entry(
            "warning", message("file names were repaired"), message("Use UTF-8 names; nothing else to do.")
        ),
        "INT010": Entry(
            "error", message("script has Windows line ends"), message("Convert it: `sed -i 's/\\r$//' FILE`.")
        ),
        "INT011": Entry(
            "warning", message("script has a broken first line"), message("Make the first line `#!/usr/bin/env bash`.")
        ),
        "INT012": Entry(
            "warning",
            message("script calls a fixed Python version"),
            message("Call `python3`: the image has one Python."),
        ),
        "INT013": Entry(
            "warning",
            message("gdown option that newer versions lack"),
            message("Call `gdown ID` or `gdown URL` without the option."),
        ),
        "INT018": Entry(
            "warning",
            message("gdown option that the image's gdown lacks"),
            message("Call `gdown ID` or `gdown URL` without the option."),
        ),
        "INT019": Entry(
            "warning",
            message("path of a test file in the code"),
            message("Read the file that run.sh is given as $3: on the grading machine there is no other."),
        ),
        "INT020": Entry(
            "warning",
            message("pickle packed along"),
            message("Leave it out, or save weights as safetensors: a pickle can run code when it is opened."),
        ),
        "INT021": Entry(
            "warning", message("script has carriage returns"), message("Convert it: `sed -i 's/\\r$//' FILE`.")
        ),
        "INT022": Entry(
            "warning",
            message("script is not UTF-8"),
            message("Save it as UTF-8: other tools may read it as another text."),
        ),
        "INT023": Entry(
            "info",
            message("script names no interpreter"),
            message(
                "Nothing needs to be done. To start it by its name as well, make the first line `#!/usr/bin/env bash`."
            ),
        ),
        "INT014": Entry(
            "warning",
            message("absolute home path in a script"),
            message("Use paths relative to the submission or the arguments."),
        ),
        "INT015": Entry(
            "warning",
            message("run.sh does not use its four arguments"),
            message("Use $1 (base), $2 (adapter), $3 (input), $4 (output)."),
        ),
        "INT016": Entry(
            "warning",
            message("run.sh installs packages"),
            message("Remove it: run.sh has no network, and the image has the packages."),
        ),
        "INT017": Entry(
            "error", message("script is not plain text"), message("Save it as UTF-8 text without byte order mark.")
        ),
        "FET001": Entry(
            "error",
            message("download.sh took longer than its time budget"),
            message("Fetch fewer or smaller files, from a faster place."),
        ),
        "FET002": Entry(
            "error",
            message("download.sh ended with an error"),
            message(
                "Mend what its last lines say, then try `bash download.sh` in an empty copy of the folder; all of it is in logs/. Only HTTP and HTTPS get out, and only from tools that heed the variable `https_proxy`: no ssh://, git:// or ftp://."
            ),
        ),
        "FET003": Entry(
            "error",
            message("download.sh went over a resource limit"),
            message("Download the adapter alone, not the base model."),
        ),
        "FET004": Entry(
            "error",
            message("download.sh left no adapter"),
            message("Make it write `adapter_config.json` and `adapter_model.safetensors`."),
        ),
        "FET005": Entry(
            "error", message("download.sh left a link"), message("Leave plain files: links are not followed.")
        ),
        "FET007": Entry(
            "error",
            message("download.sh left a path that is too long"),
            message("Unpack into `adapter_checkpoint/` itself, with short names."),
        ),
        "FET006": Entry(
            "error",
            message("download.sh used a command that is not there"),
            message(
                "Check the spelling in the line it names; the image has bash, python3, gdown, curl, wget, unzip, git."
            ),
        ),
        "FET008": Entry(
            "error",
            message("download.sh asked for a host that it may not reach"),
            message(
                "Put the file on a host that is allowed, or ask the course staff to add the host to the assignment (`stages.fetch.hosts`)."
            ),
        ),
        "FET009": Entry(
            "warning",
            message("download.sh asked for a host that it may not reach, and went on"),
            message(
                "See that nothing is missing; if so, put it on a host that is allowed, or ask the course staff to add the host."
            ),
        ),
        "FET010": Entry(
            "warning",
            message("a host that download.sh asked for did not answer"),
            message(
                "See that its name is right and that it answers from elsewhere. If so, tell the course staff: the grading machine may not reach it."
            ),
        ),
        "FET011": Entry(
            "info",
            message("what download.sh brings has changed since an earlier fetch"),
            message("Nothing to do, if this is the version that is meant; it costs no points by itself."),
        ),
        "FET012": Entry(
            "warning",
            message(
                "the adapter that download.sh brings has changed since an earlier fetch, and the deadline has passed"
            ),
            message(
                "Tell the course staff which version is meant, and leave handed-in files as they are; this costs no points by itself."
            ),
        ),
        "FET013": Entry(
            "error",
            message("download.sh brought a web page in place of a file"),
            message("Open the link in a private window: it must give the file itself, without signing in."),
        ),
        "ADM001": Entry(
            "error",
            message("adapter file is missing"),
            message('Save with `model.save_pretrained("adapter_checkpoint")` and hand in both files.'),
        ),
        "ADM002": Entry(
            "error",
            message("adapter is a pickle"),
            message("Convert it: load it and save with `safe_serialization=True`."),
        ),
        "ADM003": Entry(
            "error", message("adapter is too large"), message("Save it in bf16 (half of fp32) or with a smaller rank.")
        ),
        "ADM004": Entry(
            "error",
            message("adapter config cannot be read"),
            message("Hand in the `adapter_config.json` that peft wrote."),
        ),
        "ADM005": Entry(
            "error", message("adapter is for another base model"), message("Train on the base model of the assignment.")
        ),
        "ADM006": Entry(
            "error",
            message("adapter kind or setting is not allowed"),
            message("Use a plain LoRA adapter within the limits of the assignment."),
        ),
        "ADM007": Entry(
            "error",
            message("adapter weights file is damaged"),
            message("Save the adapter again and check the upload's SHA-256."),
        ),
        "ADM008": Entry(
            "error",
            message("adapter tensors do not fit the base model"),
            message("Train on the base model of the assignment, with its shapes."),
        ),
        "ADM009": Entry(
            "error",
            message("adapter has NaN or infinite values"),
            message("Lower the learning rate or clip gradients, and train again."),
        ),
        "ADM010": Entry(
            "error",
            message("adapter tensors and config disagree"),
            message("Hand in config and weights of the same training run."),
        ),
        "REN001": Entry(
            "error",
            message("get_prompt not found"),
            message("Define get_prompt(instruction) in one of the listed files."),
        ),
        "REN002": Entry(
            "error",
            message("get_prompt or get_bnb_config failed"),
            message("Call it in a fresh Python and mend what it raises."),
        ),
        "REN003": Entry(
            "error",
            message("get_prompt returned something unusable"),
            message("Return a string that holds the instruction, within the limit."),
        ),
        "REN004": Entry(
            "error",
            message("quantisation is not the assignment's"),
            message("Make get_bnb_config return 4-bit NF4 as the assignment says."),
        ),
        "REN005": Entry(
            "error",
            message("rendering prompts took too long or too much"),
            message("Keep get_prompt a plain text function."),
        ),
        "RUN001": Entry(
            "error",
            message("run.sh took longer than its time budget"),
            message("Predict in batches; write progress to see where time goes."),
        ),
        "RUN002": Entry(
            "error", message("run.sh went over a resource limit"), message("Use a smaller batch, or write less.")
        ),
        "RUN003": Entry(
            "error",
            message("run.sh ended with an error"),
            message(
                "Mend what its last lines say, then try `bash run.sh BASE ADAPTER INPUT OUTPUT`; all of it is in logs/."
            ),
        ),
        "RUN004": Entry(
            "error", message("run.sh wrote no predictions"), message("Write the predictions to the path in $4.")
        ),
        "RUN005": Entry(
            "error",
            message("run.sh used a command that is not there"),
            message(
                "Check the spelling in the line it names; if it is right, the image lacks it, and run.sh has no network to get it."
            ),
        ),
        "VAL001": Entry(
            "error",
            message("predictions are not valid JSON"),
            message("Write them with `json.dump(rows, file, ensure_ascii=False)`."),
        ),
        "VAL002": Entry(
            "error",
            message("predictions do not match the schema"),
            message("Write a list of objects with the strings `id` and `output`."),
        ),
        "VAL003": Entry("error", message("ids are missing"), message("Write one prediction for each input row.")),
        "VAL004": Entry("error", message("ids are there twice"), message("Write each id once.")),
        "VAL005": Entry("error", message("ids are unknown"), message("Copy the ids of the input.")),
        "VAL006": Entry(
            "error",
            message("predictions are empty"),
            message("Check that the prompt is cut off and the stop condition is right."),
        ),
        "SCO001": Entry(
            "error",
            message("the adapter cannot be scored"),
            message("Load it with peft on the base model and mend what is raised."),
        ),
        "SCO003": Entry(
            "error", message("a prompt leaves no room for its output"), message("Make get_prompt's text shorter.")
        ),
        "SCO002": Entry(
            "error",
            message("perplexity is not finite"),
            message("Check the adapter's values: the model gives no probability to the answers."),
        ),
        "PAR001": Entry(
            "info",
            message("receipt of a check cannot be read"),
            message(
                "Nothing is lost: it is only compared. Pack `check_receipt.json` as `harness check` wrote it, or leave it out."
            ),
        ),
        "PAR002": Entry(
            "info",
            message("another adapter than in the check"),
            message(
                "See that the link in download.sh leads to the file that you checked, and that it was not overwritten."
            ),
        ),
        "PAR003": Entry(
            "info",
            message("files are not those of the check"),
            message("If that was not meant, check the folder again and pack that."),
        ),
        "PAR004": Entry(
            "info",
            message("another image or other packages than in the check"),
            message("Check with the image that the course uses."),
        ),
        "PAR005": Entry(
            "info",
            message("another assignment or base model than in the check"),
            message("Check with the assignment's current files and base model."),
        ),
        "PAR006": Entry(
            "info",
            message("a stage needed much more than in the check"),
            message("Leave room below the limits: the grading machine may be slower, and its data larger."),
        ),
        "PAR007": Entry(
            "info",
            message("another result than in the check"),
            message("Compare both records; the findings of the stages say what failed."),
        ),
    }
)
