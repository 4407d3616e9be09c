"""How a program's bad end becomes a finding, by a table."""

from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness.language import language
from harness.sandbox.cause import Cause
from harness.sandbox.gpu.facts import GpuUse
from harness.sandbox.interface import Ended, Job, Limits, Mount
from harness.sandbox.process import ProcessSandbox
from harness.stages.program import Codes, bad_end, ended_well, own_job, receipt_of, tail

CODES = Codes(deadline="RUN001", limit="RUN002", failed="RUN003", not_found="RUN005")
GPU_USE = GpuUse(
    uuid="GPU-aa",
    name="H200",
    memory_bytes=150_754_820_096,
    seconds=60.12345,
    busy_seconds=30.98765,
    peak_vram_bytes=7_000_000_000,
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    limits = Limits(
        timeout_s=60, memory_bytes=2_000_000_000, disk_bytes=5_000_000, output_bytes=1_000_000, cpus=1, pids=9
    )
    mount = Mount(source=tmp_path, target="/x")
    return Job(name="run", argv=("true",), mounts=(mount,), workdir=mount, limits=limits, log_dir=tmp_path)


def ended(cause: Cause, exit_code: int | None = None, signal: int | None = None) -> Ended:
    gpu = GPU_USE if cause is Cause.OUT_OF_VRAM else None
    return Ended(cause=cause, exit_code=exit_code, signal=signal, duration_s=61.0, peak_memory_bytes=None, gpu=gpu)


@pytest.mark.parametrize(
    ("how", "code", "seen", "limit"),
    [
        (ended(Cause.DEADLINE), "RUN001", "run.sh was still running after 61 s and was ended.", "60 s"),
        (ended(Cause.OUT_OF_MEMORY, 137), "RUN002", "run.sh ran out of memory.", "2000 MB"),
        (
            ended(Cause.OUT_OF_VRAM, 1),
            "RUN002",
            "run.sh ran out of GPU memory, with the GPU to itself.",
            "150755 MB",
        ),
        (ended(Cause.DISK_CAP), "RUN002", "run.sh wrote more than 5 MB.", "5 MB"),
        (ended(Cause.PIDS_CAP, 1), "RUN002", "run.sh started too many processes or threads", "9 at a time"),
        (ended(Cause.OUTPUT_CAP), "RUN002", "run.sh printed more than allowed.", "1 MB"),
        (ended(Cause.SIGNALED, None, 11), "RUN003", "run.sh was ended by signal 11.", "exit code 0"),
        (ended(Cause.EXITED, 3), "RUN003", "run.sh ended with exit code 3.", "exit code 0"),
        (ended(Cause.EXITED, 127), "RUN005", "run.sh ended with exit code 127.", "exit code 0"),
    ],
)
def test_table(job: Job, how: Ended, code: str, seen: str, limit: str) -> None:
    found = bad_end(how, job, command="run.sh", codes=CODES)
    assert found is not None
    assert found.code == code
    assert found.seen.startswith(seen)
    assert found.limit == limit
    assert found.fix


@pytest.mark.parametrize(("exit_code", "code"), [(3, "RUN003"), (127, "RUN005")])
def test_who_cannot_see_the_last_lines_is_told_how_to(job: Job, exit_code: int, code: str) -> None:
    how = ended(Cause.EXITED, exit_code)
    private = bad_end(how, job, command="run.sh", codes=CODES)
    public = bad_end(how, job, command="run.sh", codes=CODES, quote=True)
    assert private is not None and public is not None
    assert private.code == public.code == code
    assert private.fix == (
        "Run `harness check`: it shows the last lines on the public data. On private data they are for the staff alone."
    )
    assert public.fix != private.fix


def test_the_receipt_has_the_gpu_or_nothing_of_it() -> None:
    found = receipt_of(ended(Cause.OUT_OF_VRAM, 1), ProcessSandbox())
    assert (found.gpu_uuid, found.gpu_name) == ("GPU-aa", "H200")
    assert (found.gpu_seconds, found.gpu_busy_seconds, found.peak_vram_bytes) == (60.123, 30.988, 7_000_000_000)
    none = receipt_of(ended(Cause.EXITED, 0), ProcessSandbox())
    assert {none.gpu_uuid, none.gpu_name, none.gpu_seconds, none.gpu_busy_seconds, none.peak_vram_bytes} == {None}


def test_a_good_end_is_no_finding(job: Job) -> None:
    assert bad_end(ended(Cause.EXITED, 0), job, command="run.sh", codes=CODES) is None


def test_the_finding_shows_the_end_of_the_log_without_control_characters(job: Job) -> None:
    job.stderr_path.write_bytes(b"first\n" * 50 + b"\x1b[2Jlast \xe2\x80\xae line\xff\n")
    found = bad_end(ended(Cause.EXITED, 1), job, command="run.sh", codes=CODES, quote=True)
    assert found is not None
    assert found.seen.endswith("\\x1b[2Jlast \\u202e line\N{REPLACEMENT CHARACTER}")
    assert found.seen.count("first") == 1
    assert "\nfirst (50 times)\n" in found.seen


@pytest.mark.parametrize(
    ("cause", "fix"),
    [
        (Cause.PIDS_CAP, "Start fewer at a time"),
        (Cause.OUT_OF_MEMORY, "Keep less in memory at a time"),
        (Cause.OUT_OF_VRAM, "Use a smaller batch"),
        (Cause.DISK_CAP, "Leave less on the disk"),
        (Cause.OUTPUT_CAP, "Print less"),
    ],
)
def test_each_limit_has_a_remedy_of_its_own(job: Job, cause: Cause, fix: str) -> None:
    found = bad_end(ended(cause, 1), job, command="run.sh", codes=CODES)
    assert found is not None
    assert found.fix.startswith(fix)


def test_what_cannot_be_counted_is_said_to_be_so(job: Job, tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    deep.joinpath(*["d"] * 70).mkdir(parents=True)
    place = Mount(source=deep, target="/x", writable=True)
    found = bad_end(ended(Cause.DISK_CAP), replace(job, mounts=(place,)), command="run.sh", codes=CODES)
    assert found is not None
    assert found.seen == "run.sh left more files or deeper folders than can be counted."
    assert found.limit == "a million files, folders 64 deep"


def test_equal_lines_are_shown_once_with_their_number(job: Job) -> None:
    job.stderr_path.write_text("start\n" + "Retrying\n" * 12 + "gave up\n")
    assert tail(job.stderr_path) == "start\nRetrying (12 times)\ngave up"


def test_a_silent_program_is_said_to_be_silent(job: Job) -> None:
    found = bad_end(ended(Cause.EXITED, 1), job, command="run.sh", codes=CODES, quote=True)
    assert found is not None
    assert found.seen == "run.sh ended with exit code 1. It printed nothing."


def test_on_private_data_the_log_is_for_the_staff_alone(job: Job) -> None:
    job.stderr_path.write_text("a private sentence\n")
    found = bad_end(ended(Cause.EXITED, 1), job, command="run.sh", codes=CODES)
    assert found is not None
    assert found.seen == "run.sh ended with exit code 1."
    assert found.staff_detail == "Its last lines:\na private sentence"
    assert language("zh-TW").of(found.staff_detail) == "最後幾行輸出：\na private sentence"


@pytest.mark.parametrize(("module", "found"), [("harness.text", True), ("text", False)])
def test_a_program_of_ours_imports_the_package_and_no_part_of_it(
    job: Job, tmp_path: Path, module: str, found: bool
) -> None:
    sandbox, package = ProcessSandbox(), Path(harness.__file__).parent
    argv = ("python3", "-c", f"import {module}")
    ours = own_job(sandbox, package, name="ours", argv=argv, limits=job.limits, log_dir=tmp_path / "logs")
    assert ended_well(sandbox.run(ours)) is found
    assert ("ModuleNotFoundError" in tail(ours.stderr_path)) is not found
