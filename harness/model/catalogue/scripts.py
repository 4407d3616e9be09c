"""Findings about the two scripts and the code beside them, from a look at their text alone."""

from collections.abc import Mapping

from harness.language import message
from harness.model.catalogue.entry import Entry

SCRIPTS: Mapping[str, Entry] = {
    "INT010": Entry(
        severity="error",
        title=message("script has Windows line ends"),
        why=message(
            "bash takes the carriage return as part of the last word of the line: `cd data` looks for a folder `data\\r`."
        ),
        fix=message("Convert it: `sed -i 's/\\r$//' FILE`."),
        wrong='python3 predict.py "$1"\\r',
        right="sed -i 's/\\r$//' run.sh download.sh",
    ),
    "INT011": Entry(
        severity="warning",
        title=message("script has a broken first line"),
        why=message(
            "The grader calls `bash run.sh`, so it may still work here; started in another way, the script does not run."
        ),
        fix=message("Make the first line `#!/usr/bin/env bash`."),
        wrong="#!/usr/bin/env python3",
        right="#!/usr/bin/env bash",
    ),
    "INT012": Entry(
        severity="warning",
        title=message("script calls a fixed Python version"),
        why=message("The image has one Python, and most probably not that version: the command will not be found."),
        fix=message("Call `python3`: the image has one Python."),
        wrong="python3.6 predict.py",
        right="python3 predict.py",
    ),
    "INT013": Entry(
        severity="warning",
        title=message("gdown option that newer versions lack"),
        why=message(
            "It works with the gdown of today's image. gdown 6 has dropped `--id` and `--fuzzy`, and then the download fails."
        ),
        fix=message("Call `gdown ID` or `gdown URL` without the option."),
        wrong="gdown --id 1AbCdEf -O adapter.zip",
        right="gdown 1AbCdEf -O adapter.zip",
    ),
    "INT014": Entry(
        severity="warning",
        title=message("absolute home path in a script"),
        why=message("That folder is on your machine only. On the grading machine the file is not found."),
        fix=message("Use paths relative to the submission or the arguments."),
        wrong="python3 /home/USER/hw3/predict.py",
        right="python3 predict.py",
    ),
    "INT015": Entry(
        severity="warning",
        title=message("run.sh does not use its four arguments"),
        why=message(
            "The grader says where base model, adapter, input and output are. A script with its own paths reads or writes elsewhere."
        ),
        fix=message("Use $1 (base), $2 (adapter), $3 (input), $4 (output)."),
        wrong="python3 predict.py Qwen3-4B adapter_checkpoint test.json out.json",
        right='python3 predict.py "$1" "$2" "$3" "$4"',
    ),
    "INT016": Entry(
        severity="warning",
        title=message("run.sh installs packages"),
        why=message(
            "run.sh has no network, so `pip install` fails after a long wait, and with `set -e` the script ends there."
        ),
        fix=message("Remove it: run.sh has no network, and the image has the packages."),
        wrong="pip install transformers peft",
        right='python3 predict.py "$1" "$2" "$3" "$4"',
    ),
    "INT017": Entry(
        severity="error",
        title=message("script is not plain text"),
        why=message("bash cannot read UTF-16 or a file with zero bytes, so the script does not run at all."),
        fix=message("Save it as UTF-8 text without byte order mark."),
        wrong=message('run.sh saved as "Unicode" in Notepad'),
        right="iconv -f UTF-16 -t UTF-8 run.sh > run.utf8 && mv run.utf8 run.sh",
    ),
    "INT018": Entry(
        severity="warning",
        title=message("gdown option that the image's gdown lacks"),
        why=message("The gdown of the image refuses the option, so the download will most probably fail."),
        fix=message("Call `gdown ID` or `gdown URL` without the option."),
        wrong="gdown --fuzzy 'https://drive.google.com/file/d/1AbCdEf/view'",
        right="gdown 1AbCdEf",
    ),
    "INT019": Entry(
        severity="warning",
        title=message("path of a test file in the code"),
        why=message(
            "Grading uses another test file than the one you have, under another name. Code that opens yours by name fails or predicts the wrong rows."
        ),
        fix=message("Read the file that run.sh is given as $3: on the grading machine there is no other."),
        wrong="rows = json.load(open('public_test.json'))",
        right="rows = json.load(open(sys.argv[3]))",
    ),
    "INT021": Entry(
        severity="warning",
        title=message("script has carriage returns"),
        why=message(
            "Here they stand where bash passes over them, such as in comments; in the next line that you edit they may not."
        ),
        fix=message("Convert it: `sed -i 's/\\r$//' FILE`."),
        wrong="# my run script\\r",
        right="sed -i 's/\\r$//' run.sh download.sh",
    ),
    "INT022": Entry(
        severity="warning",
        title=message("script is not UTF-8"),
        why=message(
            "bash runs it all the same, but words outside ASCII, such as file names in Big5, mean something else on the grading machine."
        ),
        fix=message("Save it as UTF-8: other tools may read it as another text."),
        wrong=message("run.sh saved as Big5 (ANSI)"),
        right="iconv -f BIG5 -t UTF-8 run.sh > run.utf8 && mv run.utf8 run.sh",
    ),
    "INT023": Entry(
        severity="info",
        title=message("script names no interpreter"),
        why=message(
            "The grader calls `bash run.sh`, so it does not matter here. Started by its name (`./run.sh`), the script may not run."
        ),
        fix=message(
            "Nothing needs to be done. To start it by its name as well, make the first line `#!/usr/bin/env bash`."
        ),
        wrong="#!bin/bash",
        right="#!/usr/bin/env bash",
    ),
}
