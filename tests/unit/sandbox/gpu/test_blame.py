"""Words are the student's own and count against the student only; a fault of the machine needs the driver's word."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.sandbox.gpu.blame import MACHINE_XIDS, Blame, blame, fault_of, says_out_of_memory
from harness.sandbox.gpu.facts import GpuProcess, GpuSeen, GpuUse

UUID = "GPU-11111111-1111-1111-1111-111111111111"
CLEAN = GpuSeen(
    use=GpuUse(uuid=UUID, name="GPU", memory_bytes=8 << 30, seconds=1.0, busy_seconds=None, peak_vram_bytes=None)
)
NEIGHBOUR = replace(CLEAN, neighbours=(GpuProcess(pid=os.getpid(), memory_bytes=3 << 30),))
LOST = replace(CLEAN, failure="The NVIDIA driver could not measure it: GPU is lost.")
ECC = replace(CLEAN, uncorrected_errors=2)
OFF_THE_BUS = replace(CLEAN, xids=(79,))
BOTH = replace(NEIGHBOUR, xids=(94,))

# ended badly, at the deadline, its output has the words, what was seen -> who is to blame
CASES = [
    (False, False, False, CLEAN, Blame.NOBODY),
    (False, False, True, CLEAN, Blame.NOBODY),  # it caught the error and went on
    (False, False, True, NEIGHBOUR, Blame.NOBODY),
    (False, False, False, LOST, Blame.NOBODY),  # a good end is a good end
    (True, False, False, CLEAN, Blame.NOBODY),
    (True, False, True, CLEAN, Blame.STUDENT),
    (True, False, True, NEIGHBOUR, Blame.NEIGHBOUR),
    (True, False, False, NEIGHBOUR, Blame.NOBODY),  # a bug is a bug, whoever else is there
    (False, True, False, NEIGHBOUR, Blame.NEIGHBOUR),  # slow, and not alone
    (False, True, False, CLEAN, Blame.NOBODY),
    (False, True, True, CLEAN, Blame.NOBODY),
    (True, False, False, LOST, Blame.DRIVER),
    (True, False, True, LOST, Blame.DRIVER),
    (False, True, False, LOST, Blame.DRIVER),
    (True, False, False, ECC, Blame.DRIVER),
    (True, False, True, OFF_THE_BUS, Blame.DRIVER),
    (True, False, True, BOTH, Blame.DRIVER),
]


@pytest.mark.parametrize(("ended_badly", "at_deadline", "words", "seen", "expected"), CASES)
def test_blame(ended_badly: bool, at_deadline: bool, words: bool, seen: GpuSeen, expected: Blame) -> None:
    found = blame(ended_badly=ended_badly, at_deadline=at_deadline, says_out_of_memory=words, seen=seen)
    assert found is expected


@pytest.mark.parametrize("xid", [13, 31, 43, 45, 68, 69, 109, 63, 92, 154])
def test_what_a_program_can_cause_itself_is_no_fault_of_the_machine(xid: int) -> None:
    seen = replace(CLEAN, xids=(xid,))
    assert blame(ended_badly=True, at_deadline=False, says_out_of_memory=False, seen=seen) is Blame.NOBODY


@pytest.mark.parametrize("xid", sorted(MACHINE_XIDS))
def test_failing_hardware_is(xid: int) -> None:
    seen = replace(CLEAN, xids=(13, xid))
    assert blame(ended_badly=True, at_deadline=False, says_out_of_memory=False, seen=seen) is Blame.DRIVER


def test_the_fault_names_the_neighbour() -> None:
    fault = fault_of(Blame.NEIGHBOUR, "run", NEIGHBOUR)
    assert fault is not None
    assert str(fault).startswith(
        f"Job run failed on GPU {UUID}, which it should have had to itself, while also there: process {os.getpid()} ("
    )
    assert str(fault).endswith(", 3072 MiB).")
    assert fault.remedy == "End that process, or keep it off this GPU while grading, and grade again."


def test_the_fault_tells_the_driver_s_evidence() -> None:
    seen = replace(LOST, xids=(13, 79), uncorrected_errors=2)
    fault = fault_of(Blame.DRIVER, "run", seen)
    assert str(fault) == (
        f"GPU {UUID} failed while job run ran: the driver reported Xid 79; 2 memory errors that ECC could not correct; "
        "The NVIDIA driver could not measure it: GPU is lost."
    )


def test_no_fault_where_the_machine_is_well() -> None:
    assert fault_of(Blame.STUDENT, "run", CLEAN) is None
    assert fault_of(Blame.NOBODY, "run", CLEAN) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has", True),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory.", True),
        ("RuntimeError: CUDA error: out of memory", True),
        ("cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("MemoryError", False),
        ("Killed", False),
        ("NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus", False),
        ("", False),
    ],
)
def test_the_words(tmp_path: Path, line: str, expected: bool) -> None:
    log = tmp_path / "run.stderr.log"
    log.write_text(f"loading\n{line}\n")
    assert says_out_of_memory(tmp_path / "missing.log", log) is expected


def test_only_the_end_of_a_log_counts(tmp_path: Path) -> None:
    log = tmp_path / "run.stderr.log"
    log.write_text("CUDA out of memory\n" + "went on\n" * 20_000)
    assert says_out_of_memory(log) is False
