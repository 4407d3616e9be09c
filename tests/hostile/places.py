"""Links, pipes, odd names, deep folders and races in the folders that a student's program may write to."""

from pathlib import Path

from .case import CONTAINERS, hostile
from .parts import ADAPTER, ANSWER, COPY, ESCAPED, python, write_download, write_run

DEEP = python('import os\nfor _ in range(1200): os.mkdir("d"); os.chdir("d")')
LONG = python('import os\nfor _ in range(30): os.mkdir("n" * 250); os.chdir("n" * 250); open("f", "w")')
TO_OUTPUT = 'cd "$(dirname "$output")"\n'


@hostile(stage="fetch", cheap=True)
def name_that_is_no_text(folder: Path) -> None:
    """Bytes that are no UTF-8."""
    write_download(folder, COPY + r"touch $'bad\xff\xfename'" + "\n")


@hostile(stage="fetch")
def name_that_writes_to_the_terminal(folder: Path) -> None:
    """The list of what was brought is evidence."""
    write_download(folder, COPY + r"touch $'\e]0;owned\a' $'line\nbreak' -- '-rf' '*' '; reboot'" + "\n")


@hostile("FET003", stage="fetch")
def folders_nested_1200_deep(folder: Path) -> None:
    """Deeper than a recursive walk or a path goes."""
    write_download(folder, COPY + DEEP)


@hostile("FET007", stage="fetch")
def path_of_7500_bytes(folder: Path) -> None:
    """Longer than a path may be, step by step."""
    write_download(folder, COPY + LONG)


@hostile(stage="fetch")
def files_without_permissions(folder: Path) -> None:
    """Modes 000 on files and folders."""
    write_download(folder, f"{COPY}mkdir z; touch z/f; chmod 000 z; touch y; chmod 000 y\n")


@hostile(stage="fetch")
def adapter_without_permissions(folder: Path) -> None:
    """The adapter's own folder cannot be entered."""
    write_download(folder, f"{COPY}chmod 000 {ADAPTER}/* {ADAPTER}\n")


@hostile("FET003", stage="fetch")
def more_files_than_are_kept(folder: Path) -> None:
    """Eleven thousand empty files."""
    write_download(folder, COPY + python('for n in range(11000): open(f"f{n}", "w").close()'))


@hostile("FET003", stage="fetch")
def download_leaves_a_hole_of_gigabytes(folder: Path) -> None:
    """Files that take no room but long to hash; each keeps to the size limit of a file."""
    write_download(folder, f"{COPY}for i in $(seq 40); do truncate -s 40M hole$i; done\n")


@hostile(stage="fetch")
def links_to_everywhere(folder: Path) -> None:
    """Nothing follows them, neither the count of bytes nor the evidence."""
    links = "ln -s / everything; ln -s /proc/self/root again; ln -s . here; ln -s /etc/shadow shadow\n"
    write_download(folder, COPY + links)


@hostile(stage="fetch")
def hard_links_by_the_hundred(folder: Path) -> None:
    """One file of a megabyte under two hundred names takes a megabyte."""
    loop = "for i in $(seq 200); do ln big big$i; done"
    write_download(folder, f"{COPY}head -c 100000 /dev/zero >big\n{loop}\n")


@hostile(stage="fetch")
def pipes_and_sockets_left_behind(folder: Path) -> None:
    """What would make a reader wait."""
    bind = python('import socket; socket.socket(socket.AF_UNIX).bind("s")')
    write_download(folder, f"{COPY}mkfifo p1 p2 brought/p3\n{bind}")


@hostile(stage="run")
def folder_that_turns_into_a_link_and_back(folder: Path) -> None:
    """A race with the count of bytes: it must neither follow the link nor fail."""
    race = (
        "import os, time\n"
        "end = time.monotonic() + 2\n"
        'os.mkdir("a"); open("a/f", "w").write("x" * 1000); os.symlink("/usr", "b")\n'
        "while time.monotonic() < end:\n"
        '    os.rename("a", "c"); os.rename("b", "a"); os.rename("a", "b"); os.rename("c", "a")\n'
    )
    write_run(folder, f"( {TO_OUTPUT}{python(race)})\n{ANSWER}")


@hostile(stage="run")
def files_that_come_and_go(folder: Path) -> None:
    """A race with the count of bytes."""
    race = (
        "import os, shutil, time\n"
        "end = time.monotonic() + 2\n"
        "while time.monotonic() < end:\n"
        '    os.makedirs("x/y/z", exist_ok=True); open("x/y/z/f", "w").close(); shutil.rmtree("x")\n'
    )
    write_run(folder, f"( {TO_OUTPUT}{python(race)})\n{ANSWER}")


@hostile("RUN002", stage="run")
def folders_deep_in_the_output(folder: Path) -> None:
    """What cannot be counted counts as too much."""
    write_run(folder, TO_OUTPUT + DEEP)


@hostile(stage="run")
def output_folder_without_permissions(folder: Path) -> None:
    """run.sh takes the rights on its own output folder away."""
    write_run(folder, f'{ANSWER}chmod 000 "$(dirname "$output")"\n')


@hostile(stage="run", on=CONTAINERS)
def output_folder_moved_away(folder: Path) -> None:
    """A mount cannot be renamed or removed."""
    move = 'd=$(dirname "$output"); mv "$d" "$d.old" 2>/dev/null && exit 66; rm -rf "$d" 2>/dev/null'
    write_run(folder, f"{move}\n{ANSWER}")


@hostile(stage="run", on=CONTAINERS)
def writing_above_the_mounts(folder: Path) -> None:
    """Everything but the given folders is read-only."""
    places = "/ /submission/.. /output/.. /etc /usr/local/bin /opt /models /var /run /lib"
    loop = f"for d in {places}; do touch $d/{ESCAPED} 2>/dev/null && exit 66; done"
    write_run(folder, f"{loop}\n{ANSWER}")


@hostile(stage="run")
def submission_folder_replaced_by_a_link(folder: Path) -> None:
    """run.sh empties its own folder and fills it with links to the machine."""
    write_run(folder, f"{ANSWER}rm -rf ./*; ln -s /etc etc; ln -s / run.sh; ln -s /etc {ADAPTER}\n")
