"""Runs git's plumbing in a repository of our own, in bounded time and memory. Knows no submission.

Git never runs in a folder that a student made: hooks, configuration and alternates there are never read. What it is
given to read, objects, is hostile all the same; so it gets no environment but this one, and limits.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO

from harness.errors import ConfigError
from harness.intake.archive.entries import BadArchive
from harness.language import message

SEARCHED = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"
TIMEOUT_S = 60.0

_MEMORY_BYTES = 1 << 30
# The shell sets the limits, then becomes git. Not every system knows a limit of address space.
_LIMITED = 'ulimit -c 0; ulimit -t "$1"; ulimit -f "$2"; ulimit -v "$3" 2>/dev/null; shift 3; exec "$@"'
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.alternateRefsCommand=true",
    "core.packedGitWindowSize=16m",
    "core.packedGitLimit=128m",
    "core.deltaBaseCacheLimit=64m",
    "pack.threads=1",
    "protocol.allow=never",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """Git in one repository.

    Attributes:
        program: Path of git.
        folder: The repository, ours.
        ends_at: When it must be done, in the time of `time.monotonic`.
        file_bytes: The largest file that git may write.
    """

    program: str
    folder: Path
    ends_at: float
    file_bytes: int

    def run(self, *arguments: str, failure_bits: int = -1) -> None:
        """Run a command to its end.

        Args:
            arguments: Command and options.
            failure_bits: Bits of the exit status that mean failure.

        Raises:
            BadArchive: It fails or takes too long: the objects are damaged, or made to be slow.
        """
        left_s = self.ends_at - time.monotonic()
        try:
            done = subprocess.run(
                self._argv(arguments),
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=left_s,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise self.too_slow() from late
        if done.returncode < 0 or done.returncode & failure_bits:
            raise BadArchive(message("it is damaged: `git {command}` refuses it", command=arguments[0]))

    @contextmanager
    def start(self, *arguments: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """Run a command for the time of the block; gives its standard input and output. At the deadline it is killed.

        Raises:
            BadArchive: It failed.
        """
        process = subprocess.Popen(
            self._argv(arguments),
            env=self._environment(),
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert process.stdin is not None and process.stdout is not None
        alarm = Timer(max(0.0, self.ends_at - time.monotonic()), process.kill)
        alarm.start()
        try:
            with process.stdout as output, process.stdin as commands:
                yield commands, output
                commands.close()
                process.wait()
            if process.returncode:
                raise self.failed()
        finally:
            alarm.cancel()
            process.kill()
            process.wait()

    def failed(self) -> BadArchive:
        """Give the problem that a command ended early for."""
        return (
            self.too_slow()
            if time.monotonic() >= self.ends_at
            else BadArchive(message("it is damaged, or lacks objects"))
        )

    def too_slow(self) -> BadArchive:
        """Give the problem that the time is up."""
        return BadArchive(message("reading it takes git longer than {limit_s:g} s", limit_s=TIMEOUT_S))

    def _argv(self, arguments: tuple[str, ...]) -> list[str]:
        limits = (int(TIMEOUT_S), self.file_bytes // 512 + 1, (_MEMORY_BYTES + self.file_bytes) // 1024)
        # Larger objects are streamed, and then nothing finds out that they are shorter than they say.
        threshold = f"core.bigFileThreshold={self.file_bytes}"
        settings = [word for setting in (*_SETTINGS, threshold) for word in ("-c", setting)]
        command = [self.program, "--no-pager", "--no-replace-objects", *settings, *arguments]
        return ["/bin/sh", "-c", _LIMITED, "limited", *(str(limit) for limit in limits), *command]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": SEARCHED,
            "HOME": str(self.folder),
            "LC_ALL": "C",
            "GIT_DIR": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "none",
        }


def new_repository(folder: Path, *, file_bytes: int) -> Git:
    """Make an empty bare repository in `folder`, which must not be there.

    Raises:
        ConfigError: There is no git on this machine, or it cannot make a repository.
    """
    program = shutil.which("git", path=SEARCHED)
    if program is None:
        raise ConfigError(
            "The submission is a git repository, and there is no git on this machine.",
            remedy="Install git, or unpack the repository yourself and give the folder.",
        )
    folder.mkdir()
    git = Git(program=program, folder=folder, ends_at=time.monotonic() + TIMEOUT_S, file_bytes=file_bytes)
    try:
        git.run("init", "--quiet", "--bare", "--template=")
    except BadArchive as problem:
        raise ConfigError(
            f"git cannot make a repository in {folder}.", remedy="Check that git works, and the disk of the run folder."
        ) from problem
    return git
