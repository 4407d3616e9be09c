"""Runs one program of a stage in the sandbox and turns a bad end into the stage's findings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from harness.language import NOTHING, Message, message, sentences, stacked, verbatim
from harness.model.assignment import StageLimits
from harness.model.finding import Finding, finding
from harness.model.result import Receipt
from harness.sandbox.cause import Cause
from harness.sandbox.disk import UNCOUNTABLE, usage_bytes
from harness.sandbox.ending import writable_sources
from harness.sandbox.interface import Ended, Job, Limits, Mount, Sandbox
from harness.text import in_mb, visible

TAIL_BYTES = 65_536
TAIL_LINES = 12
COMMAND_NOT_FOUND = 127
FEWER_FILES = message(
    "Leave less on the disk: the adapter or the predictions alone, no base model, no checkpoints, no caches, no "
    "archive that is unpacked already."
)
LESS_MEMORY = message("Keep less in memory at a time: smaller batches, the model loaded once, files read in pieces.")
FIXES: Mapping[Cause, Message] = MappingProxyType(
    {
        Cause.OUT_OF_MEMORY: LESS_MEMORY,
        Cause.OUT_OF_VRAM: message("Use a smaller batch or shorter inputs, and load the model once, in 4 bit."),
        Cause.DISK_CAP: FEWER_FILES,
        Cause.OUTPUT_CAP: message("Print less: no progress bars (`--quiet`), no line for each example."),
        Cause.PIDS_CAP: message(
            "Start fewer at a time: fewer workers and threads (`num_workers`, `OMP_NUM_THREADS`), and wait for one "
            "before the next."
        ),
    }
)

ON_PUBLIC_DATA = message(
    "Run `harness check`: it shows the last lines on the public data. On private data they are for the staff alone."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The finding codes that a stage uses for each kind of bad end."""

    deadline: str
    limit: str
    failed: str
    not_found: str


def limits_of(rules: StageLimits) -> Limits:
    """Turn the assignment's limits into the sandbox's."""
    return Limits(
        timeout_s=rules.timeout_s,
        memory_bytes=rules.memory_bytes,
        disk_bytes=rules.disk_bytes,
        output_bytes=rules.output_bytes,
        cpus=rules.cpus,
        pids=rules.pids,
    )


def receipt_of(ended: Ended, sandbox: Sandbox) -> Receipt:
    """Write down what a program used."""
    receipt = Receipt(
        cause=ended.cause.value,
        exit_code=ended.exit_code,
        signal=ended.signal,
        duration_s=round(ended.duration_s, 3),
        peak_memory_bytes=ended.peak_memory_bytes,
        sandbox=sandbox.name,
        image_id=sandbox.image_id,
    )
    if ended.gpu is None:
        return receipt
    busy = ended.gpu.busy_seconds
    return replace(
        receipt,
        gpu_uuid=ended.gpu.uuid,
        gpu_name=ended.gpu.name,
        gpu_seconds=round(ended.gpu.seconds, 3),
        gpu_busy_seconds=None if busy is None else round(busy, 3),
        peak_vram_bytes=ended.gpu.peak_vram_bytes,
    )


def own_job(
    sandbox: Sandbox,
    package: Path,
    *,
    name: str,
    argv: tuple[str, ...],
    limits: Limits,
    log_dir: Path,
    mounts: tuple[Mount, ...] = (),
    stdin: bytes = b"",
) -> Job:
    """Describe a run of a module of ours, which finds this package and the image's packages alone.

    Args:
        sandbox: Where it runs.
        package: Host folder of this package.
        name: See `Job`, as for all that follow.
        argv: Python with `-m` and the module; paths in it come from `Sandbox.path`.
        limits: What it may use.
        log_dir: Where its logs go.
        mounts: What it reads and writes besides.
        stdin: All that it is given.
    """
    code = Mount(source=package, target="/opt/harness/harness")
    return Job(
        name=name,
        argv=argv,
        mounts=(code, *mounts),
        workdir=code,
        limits=limits,
        log_dir=log_dir,
        # Safe: the working directory, whose modules have names of others, is kept out of what it imports.
        environment={"PYTHONPATH": str(Path(sandbox.path(code)).parent), "PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1"},
        stdin=stdin,
    )


def ended_well(ended: Ended) -> bool:
    """Tell whether a program ended by itself with exit code 0."""
    return ended.cause is Cause.EXITED and ended.exit_code == 0


def bad_end(ended: Ended, job: Job, *, command: str, codes: Codes, quote: bool = False) -> Finding | None:
    """Give the finding for a program that did not end with exit code 0, or None for one that did.

    Args:
        ended: How it ended.
        job: What was run.
        command: What the student knows it as, such as ``run.sh``.
        codes: The stage's codes.
        quote: Whether the end of its log is public: only where it could read no private data.
    """
    if ended_well(ended):
        return None
    code, seen, limit = _what(ended, job, command, codes)
    log = last_lines(job)
    return finding(
        code,
        sentences(seen, log) if quote else seen,
        limit=limit,
        fix=FIXES.get(ended.cause, None if quote or code not in (codes.failed, codes.not_found) else ON_PUBLIC_DATA),
        staff_detail=None if quote else log,
    )


def _what(ended: Ended, job: Job, command: str, codes: Codes) -> tuple[str, Message, Message]:
    """Give code, what was seen, and the limit."""
    limits = job.limits
    match ended.cause:
        case Cause.DEADLINE:
            ran_s = ended.duration_s
            seen = message(
                "{command} was still running after {ran_s:.0f} s and was ended.", command=command, ran_s=ran_s
            )
            return codes.deadline, seen, message("{limit_s:g} s", limit_s=limits.timeout_s)
        case Cause.OUT_OF_MEMORY:
            seen = message("{command} ran out of memory.", command=command)
            return codes.limit, seen, verbatim(in_mb(limits.memory_bytes))
        case Cause.OUT_OF_VRAM:
            seen = message("{command} ran out of GPU memory, with the GPU to itself.", command=command)
            return codes.limit, seen, verbatim(in_mb(ended.gpu.memory_bytes)) if ended.gpu else NOTHING
        case Cause.DISK_CAP:
            return codes.limit, *_disk_words(job, command)
        case Cause.OUTPUT_CAP:
            seen = message("{command} printed more than allowed.", command=command)
            return codes.limit, seen, verbatim(in_mb(limits.output_bytes))
        case Cause.PIDS_CAP:
            seen = message("{command} started too many processes or threads, and ended badly.", command=command)
            return codes.limit, seen, message("{count} at a time", count=limits.pids)
        case Cause.SIGNALED:
            seen = message("{command} was ended by signal {signal}.", command=command, signal=str(ended.signal))
            return codes.failed, seen, message("exit code 0")
        case Cause.EXITED:
            code = codes.not_found if ended.exit_code == COMMAND_NOT_FOUND else codes.failed
            seen = message("{command} ended with exit code {code}.", command=command, code=str(ended.exit_code))
            return code, seen, message("exit code 0")
        case Cause.ENGINE_GONE | Cause.MACHINE_SHORT:
            raise AssertionError("no sandbox gives this cause: it raises an EnvironmentFault")


def _disk_words(job: Job, command: str) -> tuple[Message, Message]:
    """Give what was seen and the limit: its files still lie there, to be counted again."""
    if usage_bytes(writable_sources(job)) == UNCOUNTABLE:
        seen = message("{command} left more files or deeper folders than can be counted.", command=command)
        return seen, message("a million files, folders 64 deep")
    size = in_mb(job.limits.disk_bytes)
    return message("{command} wrote more than {size}.", command=command, size=size), verbatim(size)


def last_lines(job: Job) -> Message:
    """Quote the end of what a program printed, errors first; public only where it could read no private data."""
    lines = tail(job.stderr_path) or tail(job.stdout_path)
    return message("Its last lines:\n{lines}", lines=lines) if lines else message("It printed nothing.")


def tail(path: Path) -> Message:
    """Give the last lines of a log, with control characters made visible; empty where there is none.

    Equal lines in a row are shown once, with their number; of a long log only the end is counted.
    """
    if not path.is_file():
        return NOTHING
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
    shown = [(visible(line), len([*same])) for line, same in groupby(lines)]
    return stacked([verbatim(line) if times == 1 else _repeated(line, times) for line, times in shown[-TAIL_LINES:]])


def _repeated(line: str, times: int) -> Message:
    return message("{line} ({count} times)", line=line, count=times)
