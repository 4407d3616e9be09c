"""Findings about `download.sh` and what it brought."""

from collections.abc import Mapping

from harness.language import message
from harness.model.catalogue.entry import Entry

FETCH: Mapping[str, Entry] = {
    "FET001": Entry(
        severity="error",
        title=message("download.sh took longer than its time budget"),
        why=message("It is ended at the limit, and what it has not brought by then is missing."),
        fix=message("Fetch fewer or smaller files, from a faster place."),
        wrong="hf download Qwen/Qwen3-4B",
        right="gdown 1AbCdEf -O adapter.zip",
    ),
    "FET002": Entry(
        severity="error",
        title=message("download.sh ended with an error"),
        why=message("What it should have brought may be missing or half there, so nothing of it is used."),
        fix=message(
            "Mend what its last lines say, then try `bash download.sh` in an empty copy of the folder; all of it is in logs/. Only HTTP and HTTPS get out, and only from tools that heed the variable `https_proxy`: no ssh://, git:// or ftp://."
        ),
        wrong="git clone git@github.com:OWNER/hw3-adapter.git",
        right="curl -fL -o adapter.zip https://example.org/adapter.zip",
    ),
    "FET003": Entry(
        severity="error",
        title=message("download.sh went over a resource limit"),
        why=message(
            "Memory, disk, processes and output are limited, so that one submission cannot take the machine from the others."
        ),
        fix=message("Download the adapter alone, not the base model."),
        wrong="gdown --folder 1AbCdEf",
        right="gdown 1XyZ -O adapter_checkpoint/adapter_model.safetensors",
    ),
    "FET004": Entry(
        severity="error",
        title=message("download.sh left no adapter"),
        why=message("The adapter is what is scored. It must be in the folder that the assignment names."),
        fix=message("Make it write `adapter_config.json` and `adapter_model.safetensors`."),
        wrong="unzip adapter.zip",
        right="unzip -o adapter.zip -d adapter_checkpoint",
    ),
    "FET005": Entry(
        severity="error",
        title=message("download.sh left a link"),
        why=message("A link may lead to files of the machine, so no link is followed."),
        fix=message("Leave plain files: links are not followed."),
        wrong="ln -s ~/.cache/huggingface/adapter adapter_checkpoint",
        right="cp -rL ~/.cache/huggingface/adapter adapter_checkpoint",
    ),
    "FET006": Entry(
        severity="error",
        title=message("download.sh used a command that is not there"),
        why=message("The script ends with exit code 127, and what it should have brought is missing."),
        fix=message(
            "Check the spelling in the line it names; the image has bash, python3, gdown, curl, wget, unzip, git."
        ),
        wrong="7z x adapter.7z",
        right="unzip -o adapter.zip -d adapter_checkpoint",
    ),
    "FET007": Entry(
        severity="error",
        title=message("download.sh left a path that is too long"),
        why=message("Such a path cannot be kept as evidence or put back for another grading."),
        fix=message("Unpack into `adapter_checkpoint/` itself, with short names."),
        wrong="a/a/a/a/…/adapter_model.safetensors",
        right="adapter_checkpoint/adapter_model.safetensors",
    ),
    "FET008": Entry(
        severity="error",
        title=message("download.sh asked for a host that it may not reach"),
        why=message(
            "Only the hosts that the assignment lists can be reached, so that no test data can leave and every download can be explained."
        ),
        fix=message(
            "Put the file on a host that is allowed, or ask the course staff to add the host to the assignment (`stages.fetch.hosts`)."
        ),
        wrong="curl -fL -O https://files.my-server.example/adapter.zip",
        right="gdown 1AbCdEf -O adapter.zip",
    ),
    "FET009": Entry(
        severity="warning",
        title=message("download.sh asked for a host that it may not reach, and went on"),
        why=message("The script did not notice that it failed there: a file may be missing or old."),
        fix=message(
            "See that nothing is missing; if so, put it on a host that is allowed, or ask the course staff to add the host."
        ),
        wrong="pip install gdown; gdown 1AbCdEf",
        right="set -e; gdown 1AbCdEf",
    ),
    "FET010": Entry(
        severity="warning",
        title=message("a host that download.sh asked for did not answer"),
        why=message("It may be a mistyped name, or a host that is down: then what it should have given is missing."),
        fix=message(
            "See that its name is right and that it answers from elsewhere. If so, tell the course staff: the grading machine may not reach it."
        ),
        wrong="wget https://huggingfce.co/OWNER/adapter/resolve/main/adapter_model.safetensors",
        right="wget https://huggingface.co/OWNER/adapter/resolve/main/adapter_model.safetensors",
    ),
    "FET011": Entry(
        severity="info",
        title=message("what download.sh brings has changed since an earlier fetch"),
        why=message(
            "What is graded is what the link gives at that time. If another version was meant, now is the time to say so."
        ),
        fix=message("Nothing to do, if this is the version that is meant; it costs no points by itself."),
        wrong=message("the file behind the link was uploaded again after the first check"),
        right=message("one link for each version, and the final one in download.sh"),
    ),
    "FET012": Entry(
        severity="warning",
        title=message(
            "the adapter that download.sh brings has changed since an earlier fetch, and the deadline has passed"
        ),
        why=message(
            "A file that is replaced after the deadline is late work. The staff sees both versions with their times and decides."
        ),
        fix=message(
            "Tell the course staff which version is meant, and leave handed-in files as they are; this costs no points by itself."
        ),
        wrong=message("the adapter on the drive was replaced after the deadline"),
        right=message("the adapter on the drive is left alone once it is handed in"),
    ),
    "FET013": Entry(
        severity="error",
        title=message("download.sh brought a web page in place of a file"),
        why=message(
            "The link leads to a page for people (sign in, ask for access, too many downloads), and the script saved that page under the file's name."
        ),
        fix=message("Open the link in a private window: it must give the file itself, without signing in."),
        wrong="wget -O adapter.zip 'https://drive.google.com/file/d/1AbCdEf/view?usp=sharing'",
        right="gdown 1AbCdEf -O adapter.zip",
    ),
}
