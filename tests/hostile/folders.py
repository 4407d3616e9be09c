"""Folders that must not get past intake: links, pipes, holes, what is forbidden or missing, scripts that are none."""

import os
import socket
from pathlib import Path

from .case import hostile
from .parts import write_download


@hostile("INT002", stage="intake", cheap=True)
def folder_with_link_to_a_file_of_the_machine(folder: Path) -> None:
    """Its content would be handed back in the evidence."""
    (folder / "notes.txt").symlink_to("/etc/shadow")


@hostile("INT002", stage="intake")
def folder_with_link_to_itself(folder: Path) -> None:
    """A walk that follows it never ends."""
    (folder / "again").symlink_to(folder)


@hostile("INT002", stage="intake")
def folder_with_script_that_is_a_link(folder: Path) -> None:
    """download.sh is another file of the machine."""
    (folder / "download.sh").unlink()
    (folder / "download.sh").symlink_to("/etc/profile")


@hostile("INT002", stage="intake", cheap=True)
def folder_with_pipe(folder: Path) -> None:
    """Reading it would wait for ever."""
    os.mkfifo(folder / "data.json")


@hostile("INT002", stage="intake")
def folder_with_socket(folder: Path) -> None:
    """A socket is no file."""
    here = Path.cwd()
    os.chdir(folder)  # a socket's path has few bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
    os.chdir(here)


@hostile("INT003", stage="intake")
def folder_with_sparse_giant(folder: Path) -> None:
    """A file of a hundred gigabytes that takes no room."""
    with (folder / "data.bin").open("wb") as file:
        file.truncate(100_000_000_000)


@hostile("INT002", stage="intake")
def folder_with_name_of_line_breaks(folder: Path) -> None:
    """A name that would forge lines of a log."""
    (folder / "a\nharness: passed\n").write_text("x")


@hostile("INT005", stage="intake")
def base_model_packed_along(folder: Path) -> None:
    """A forbidden file, under a small name."""
    (folder / "weights").mkdir()
    (folder / "weights" / "model.safetensors").write_bytes(bytes(1000))


@hostile("INT004", stage="intake")
def run_script_missing(folder: Path) -> None:
    """Only a file of nearly that name is there."""
    (folder / "run.sh").rename(folder / "Run.sh")


@hostile("INT017", stage="intake")
def script_that_is_a_program(folder: Path) -> None:
    """An executable under the script's name."""
    (folder / "run.sh").write_bytes(b"\x7fELF" + bytes(range(256)) * 40)


@hostile("INT010", stage="intake")
def script_with_windows_line_ends(folder: Path) -> None:
    """Each command would get a carriage return."""
    text = (folder / "run.sh").read_text()
    (folder / "run.sh").write_bytes(text.replace("\n", "\r\n").encode())


@hostile(stage="intake")
def script_that_stalls_pattern_matching(folder: Path) -> None:
    """Lines on which a careless regular expression takes years."""
    lines = ["gdown " + "-x " * 50_000, "/home" * 50_000, "pip " + "-q " * 50_000, "$(" * 20_000, "`" * 50_001]
    write_download(folder, f"cp -r brought/adapter_checkpoint .\nexit 0\n: {' '.join(lines)}\n")
