"""What one stage leaves behind to catch a later one, or the grader itself."""

from pathlib import Path

from .case import CONTAINERS, hostile
from .parts import ADAPTER, ANSWER, COPY, UTILS, adapter_file, refuse, write_download, write_run

RAISES = "raise SystemExit(66)\n"


@hostile(stage="run", cheap=True)
def daemon_that_changes_the_adapter_later(folder: Path) -> None:
    """download.sh ends well and leaves a process that waits for the check to be over."""
    spoil = f"while :; do echo x >>{ADAPTER}/adapter_config.json; echo exit 66 >run.sh; sleep 0.01; done"
    write_download(folder, f"{COPY}(setsid bash -c 'sleep 0.3; {spoil}' >/dev/null 2>&1 &)\n")
    write_run(folder, f"sleep 1\n{ANSWER}")


@hostile(stage="run")
def settings_in_the_home_folder(folder: Path) -> None:
    """A home folder of download.sh is not run.sh's: start-up files, user packages, caches."""
    poison = (
        'echo "exit 66" >~/.bashrc; cp ~/.bashrc ~/.bash_profile; cp ~/.bashrc ~/.profile\n'
        "mkdir -p ~/.local/lib/python3.11/site-packages ~/.cache/huggingface ~/.cache/pip\n"
        f'echo "{RAISES.strip()}" >~/.local/lib/python3.11/site-packages/usercustomize.py\n'
    )
    write_download(folder, poison + COPY)
    write_run(folder, refuse('test -n "$(ls -A "$HOME")"') + ANSWER)


@hostile(stage="run")
def environment_of_the_earlier_stage(folder: Path) -> None:
    """What download.sh exports ends with it."""
    names = ("LD_PRELOAD", "BASH_ENV", "PYTHONPATH", "PYTHONSTARTUP", "HF_HOME", "http_proxy")
    exports = "".join(f"export {name}=$PWD/poison\n" for name in names if name != "LD_PRELOAD")
    write_download(folder, f"{COPY}{exports}echo exit 66 >poison\nexport LD_PRELOAD=$PWD/poison\n")
    write_run(folder, refuse(*(f'test -n "${name}"' for name in names)) + ANSWER)


@hostile(stage="run", on=CONTAINERS)
def files_in_shared_places(folder: Path) -> None:
    """/tmp, /dev/shm and shared memory of download.sh are gone."""
    write_download(folder, f"{COPY}echo x >/tmp/left; echo x >/dev/shm/left\n")
    write_run(folder, refuse("test -e /tmp/left -o -e /dev/shm/left") + ANSWER)


@hostile(stage="fetch", on=CONTAINERS)
def packages_of_the_image(folder: Path) -> None:
    """A package that every later container would import."""
    places = "$(python3 -c 'import site; print(*site.getsitepackages())') /usr/lib/python3.11 /usr/local/lib /etc"
    loop = f"for d in {places}; do echo 'raise SystemExit(66)' >$d/sitecustomize.py && exit 66; done 2>/dev/null\n"
    write_download(folder, f"{loop}pip install --no-index --no-deps . >/dev/null 2>&1 && exit 66\n{COPY}")


@hostile(stage="render")
def python_of_its_own(folder: Path) -> None:
    """A python3 beside run.sh is not what the grader calls."""
    fake = "printf '#!/bin/sh\\nexit 66\\n' >python3; chmod 755 python3; mkdir bin; cp python3 bin"
    write_download(folder, f"{COPY}{fake}\n")


@hostile(stage="render")
def modules_beside_the_prompt_file(folder: Path) -> None:
    """Modules of the names that our program imports come too late."""
    for name in ("json", "pathlib", "types", "importlib", "sitecustomize", "usercustomize", "encodings", "render"):
        (folder / f"{name}.py").write_text(RAISES)


@hostile(stage="render")
def compiled_module_with_other_code(folder: Path) -> None:
    """A __pycache__ that download.sh makes for utils.py is the student's own affair; it works or it does not."""
    write_download(folder, f"{COPY}python3 -m compileall -q utils.py\n")


@hostile(stage="fetch", scored=True, most_s=120)
def packages_beside_the_adapter(folder: Path) -> None:
    """The scoring worker starts beside the adapter: nothing of a student's may lie there but config and weights."""
    for name in ("torch", "transformers", "peft", "sitecustomize", "json"):
        adapter_file(folder, f"{name}.py").write_text(RAISES)
    adapter_file(folder, "harness").mkdir()
    adapter_file(folder, "harness/__init__.py").write_text(RAISES)
    adapter_file(folder, "tokenizer.json").write_text("{}")


@hostile(stage="run", scored=True, on=CONTAINERS, most_s=120)
def adapter_swapped_after_it_was_admitted(folder: Path) -> None:
    """run.sh spoils the adapter in its own folder; the admitted copy is scored."""
    swap = f'for f in {ADAPTER}/* "$adapter"/*; do echo spoiled >"$f"; done 2>/dev/null'
    write_run(folder, f"{ANSWER}{swap}\nrm -rf {ADAPTER}\nexit 0\n")


@hostile(stage="run")
def scripts_rewritten_by_download(folder: Path) -> None:
    """What runs is in the evidence; here it is no worse than what was handed in."""
    write_download(folder, f"{COPY}cp run.sh new.sh; echo '# changed' >>new.sh; mv new.sh run.sh\n")


@hostile("REN002", stage="render")
def prompt_file_rewritten_by_download(folder: Path) -> None:
    """The prompt file that intake saw is not the one that is called: the one that is called counts."""
    write_download(folder, f"{COPY}echo 'raise ValueError(1)' >utils.py\n")
    (folder / "utils.py").write_text(UTILS)


@hostile(stage="fetch")
def version_control_with_hooks(folder: Path) -> None:
    """Nothing of ours runs git in the student's folder; intake leaves it out."""
    (folder / ".git" / "hooks").mkdir(parents=True)
    (folder / ".git" / "config").write_text("[core]\n\tfsmonitor = touch /tmp/hostile-case-was-here\n")
    (folder / ".gitattributes").write_text("* filter=evil\n")
