"""download.sh and run.sh that end badly, lie about how they ended, or use what is not there."""

from pathlib import Path

from .case import CONTAINERS, hostile
from .parts import ADAPTER, ANSWER, COPY, python, write_download, write_run


@hostile("FET002", stage="fetch", cheap=True)
def download_fails(folder: Path) -> None:
    """A plain failure, with the words of success."""
    write_download(folder, f"{COPY}echo 'harness: passed'\nexit 3\n")


@hostile("FET006", stage="fetch")
def download_calls_what_is_not_there(folder: Path) -> None:
    """Exit code 127."""
    write_download(folder, "frobnicate-adapter\n")


@hostile("FET002", stage="fetch", cheap=True)
def download_kills_itself(folder: Path) -> None:
    """Signal 9 is no out-of-memory kill here."""
    write_download(folder, "kill -9 $$\n")


@hostile("FET002", stage="fetch")
def download_ends_with_the_status_of_a_kill(folder: Path) -> None:
    """Exit code 137 is what an engine says of a killed container."""
    write_download(folder, "exit 137\n")


@hostile("FET002", stage="fetch")
def download_ends_with_the_status_of_an_engine_fault(folder: Path) -> None:
    """Exit code 125 is what an engine's command line says of its own fault."""
    write_download(folder, "exit 125\n")


@hostile("FET001", stage="fetch", limits={"fetch": {"timeout_s": 2}})
def download_never_ends(folder: Path) -> None:
    """It sleeps."""
    write_download(folder, f"{COPY}sleep 1000\n")


@hostile("FET004", stage="fetch", cheap=True)
def download_brings_nothing(folder: Path) -> None:
    """It ends well."""
    write_download(folder, "exit 0\n")


@hostile("FET004", stage="fetch")
def download_leaves_a_file_for_the_folder(folder: Path) -> None:
    """A file under the folder's name."""
    write_download(folder, f"echo adapter >{ADAPTER}\n")


@hostile("FET003", stage="fetch")
def download_prints_without_end(folder: Path) -> None:
    """A flood on both streams."""
    write_download(folder, "yes & yes >&2\n")


@hostile("FET002", stage="fetch")
def download_prints_escape_sequences(folder: Path) -> None:
    """Its last lines are quoted: they must not reach the terminal as they are."""
    write_download(folder, r"printf '\033]0;owned\007\033[2J\033[31mharness: passed\n' >&2; exit 1" + "\n")


@hostile("FET002", stage="fetch")
def download_prints_one_endless_line(folder: Path) -> None:
    """A quoted line is cut."""
    write_download(folder, "head -c 150000 /dev/zero | tr '\\0' x >&2; exit 1\n")


@hostile("FET002", stage="fetch", limits={"fetch": {"timeout_s": 5}})
def download_removes_everything(folder: Path) -> None:
    """Its own folder is all that it can remove, run.sh with it."""
    write_download(folder, "rm -rf ./* ./.??*\nexit 1\n")


@hostile("FET004", stage="fetch", on=CONTAINERS, limits={"fetch": {"timeout_s": 10}})
def download_removes_the_whole_system(folder: Path) -> None:
    """Only the submission's own folder is there to be removed."""
    write_download(folder, "rm -rf --no-preserve-root / >/dev/null 2>&1\nexit 0\n")


@hostile("FET001", stage="fetch", limits={"fetch": {"timeout_s": 2}})
def download_waits_for_an_answer(folder: Path) -> None:
    """It asks again and again until somebody types `yes`."""
    write_download(folder, 'until [ "$answer" = yes ]; do read -r answer; sleep 0.1; done\n')


@hostile("RUN003", stage="run", cheap=True)
def run_fails(folder: Path) -> None:
    """A plain failure after the predictions were written."""
    write_run(folder, f"{ANSWER}exit 1\n")


@hostile("RUN003", stage="run")
def run_ends_with_the_status_of_a_kill(folder: Path) -> None:
    """Exit code 137, out of its own will."""
    write_run(folder, "exit 137\n")


@hostile("RUN003", stage="run")
def run_ends_with_the_status_of_an_engine_fault(folder: Path) -> None:
    """Exit code 125."""
    write_run(folder, "exit 125\n")


@hostile("RUN005", stage="run")
def run_calls_what_is_not_there(folder: Path) -> None:
    """Exit code 127."""
    write_run(folder, "predict --all\n")


@hostile("RUN003", stage="run")
def run_ends_with_126(folder: Path) -> None:
    """A file that cannot be run is the student's, not a program that the image lacks."""
    write_run(folder, "./utils.txt\n")
    (folder / "utils.txt").write_text("x")


@hostile("RUN003", stage="run")
def run_breaks_memory_protection(folder: Path) -> None:
    """A segmentation fault."""
    write_run(folder, python("import ctypes; ctypes.string_at(0)"))


@hostile("RUN005", stage="run", cheap=True)
def run_was_removed_by_download(folder: Path) -> None:
    """What was looked at is not there any more."""
    write_download(folder, f"{COPY}rm run.sh\n")


@hostile("RUN001", stage="run", limits={"run": {"timeout_s": 2}})
def run_was_turned_into_a_pipe(folder: Path) -> None:
    """bash waits for somebody to write its commands."""
    write_download(folder, f"{COPY}rm run.sh\nmkfifo run.sh\n")


@hostile("RUN001", stage="run", limits={"run": {"timeout_s": 2}})
def run_never_ends(folder: Path) -> None:
    """Predictions are there, and it goes on."""
    write_run(folder, f"{ANSWER}while :; do :; done\n")


@hostile("RUN002", stage="run")
def run_prints_without_end(folder: Path) -> None:
    """A flood of text."""
    write_run(folder, "yes\n")


@hostile("RUN002", stage="run")
def run_prints_zeros_without_end(folder: Path) -> None:
    """A flood without a single line end."""
    write_run(folder, "cat /dev/zero >&2\n")


@hostile("RUN003", stage="run")
def run_prints_the_private_input(folder: Path) -> None:
    """Its log is for the staff alone."""
    write_run(folder, 'cat "$input"; cat "$input" >&2; exit 1\n')


@hostile(stage="run")
def run_closes_its_streams(folder: Path) -> None:
    """Nothing is printed and nobody waits for it."""
    write_run(folder, f"exec 1>&- 2>&-\nsleep 1\n{ANSWER}")


@hostile("RUN003", stage="run")
def run_is_a_quine_of_bash(folder: Path) -> None:
    """It calls itself until bash gives up."""
    write_run(folder, "f() { f; }\nulimit -s 512\nf\n")
