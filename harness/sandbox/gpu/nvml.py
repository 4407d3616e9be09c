"""What the NVIDIA driver says of this machine's GPUs, through NVML. Must not decide anything.

The only module that imports `pynvml` (NVIDIA's own binding, the package nvidia-ml-py). A machine without a driver is a
plain case, not an error: `open_nvml` gives None there.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pynvml
from pynvml import NVMLError

from harness.errors import EnvironmentFault
from harness.sandbox.gpu.facts import Gpu, GpuProcess, Inventory, Reading

_ABSENT = (
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND,
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
)
_DRIVER_LOADED = Path("/proc/driver/nvidia/version")
_FAULTS = pynvml.nvmlEventTypeXidCriticalError | pynvml.nvmlEventTypeDoubleBitEccError
_DOUBLE_BIT_XID = 48


class Nvml:
    """An open connection to NVML; calls may come from several threads. A context manager that closes it.

    Every method raises `EnvironmentFault` where the driver does not answer, and gives None for a figure that this GPU
    does not tell.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the driver counts openings, so others stay open."""
        with contextlib.suppress(NVMLError):
            pynvml.nvmlShutdown()

    def inventory(self) -> Inventory:
        """List driver and GPUs; a GPU in MIG mode is followed by its instances."""
        with _asking("list its GPUs"):
            cuda = pynvml.nvmlSystemGetCudaDriverVersion_v2()
            handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
            return Inventory(
                driver=str(pynvml.nvmlSystemGetDriverVersion()),
                cuda=(cuda // 1000, cuda % 1000 // 10),
                gpus=tuple(one for handle in handles for one in _with_instances(handle)),
            )

    def read(self, uuid: str) -> Reading:
        """Measure one GPU or MIG instance, now."""
        with _asking(f"measure {uuid}"):
            handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
            rates = _optional(pynvml.nvmlDeviceGetUtilizationRates, handle)
            computing = _optional(pynvml.nvmlDeviceGetComputeRunningProcesses_v3, handle) or []
            return Reading(
                used_bytes=_used_bytes(handle),
                busy_fraction=None if rates is None else rates.gpu / 100,
                processes=tuple(GpuProcess(pid=one.pid, memory_bytes=one.usedGpuMemory) for one in computing),
            )

    def uncorrected_errors(self, uuid: str) -> int | None:
        """Count the memory errors that ECC could not correct since the driver was loaded."""
        with _asking(f"count the memory errors of {uuid}"):
            handle = _whole(pynvml.nvmlDeviceGetHandleByUUID(uuid))
            count: int | None = _optional(
                pynvml.nvmlDeviceGetTotalEccErrors,
                handle,
                pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
                pynvml.NVML_VOLATILE_ECC,
            )
            return count

    def fault_events(self, uuid: str) -> "FaultEvents":
        """Begin to collect what the driver reports of this GPU from now on."""
        return FaultEvents(uuid)


class FaultEvents:
    """The Xid errors that the driver reports of one GPU while this is open. Empty where the driver reports none."""

    def __init__(self, uuid: str) -> None:
        self._events: Any = None
        with contextlib.suppress(NVMLError):
            handle = _whole(pynvml.nvmlDeviceGetHandleByUUID(uuid))
            events = pynvml.nvmlEventSetCreate()
            try:
                pynvml.nvmlDeviceRegisterEvents(handle, _FAULTS, events)
                self._events = events
            finally:
                if self._events is None:
                    pynvml.nvmlEventSetFree(events)

    @property
    def listens(self) -> bool:
        """Whether the driver reports anything."""
        return self._events is not None

    def xids(self) -> list[int]:
        """Give the Xid numbers that came since the last call; returns at once."""
        found = []
        with contextlib.suppress(NVMLError):  # among them NVMLError_Timeout: there is no further event
            while self._events is not None:
                event = pynvml.nvmlEventSetWait_v2(self._events, 0)
                is_xid = event.eventType == pynvml.nvmlEventTypeXidCriticalError
                found.append(int(event.eventData) if is_xid else _DOUBLE_BIT_XID)
        return found

    def close(self) -> None:
        """Collect no more."""
        events, self._events = self._events, None
        if events is not None:
            with contextlib.suppress(NVMLError):
                pynvml.nvmlEventSetFree(events)


def open_nvml() -> Nvml | None:
    """Connect to the driver; None where this machine has none.

    Raises:
        EnvironmentFault: There is a driver, but it does not answer.
    """
    try:
        pynvml.nvmlInit()
    except NVMLError as error:
        if error.value in _ABSENT and not _DRIVER_LOADED.exists():
            return None
        raise EnvironmentFault(
            f"The NVIDIA driver is loaded but does not answer: {error}.",
            remedy="Run `nvidia-smi`. After an upgrade of the driver, reboot; if NVML is missing, install it with the "
            "driver's own package (Debian: libnvidia-ml1).",
        ) from error
    return Nvml()


@contextlib.contextmanager
def _asking(doing: str) -> Iterator[None]:
    try:
        yield
    except NVMLError as error:
        raise EnvironmentFault(
            f"The NVIDIA driver could not {doing}: {error}.",
            remedy="Run `nvidia-smi` and see the kernel's log for `NVRM: Xid`; reset the GPU or reboot.",
        ) from error


def _with_instances(handle: Any) -> Iterator[Gpu]:
    mode = _optional(pynvml.nvmlDeviceGetMigMode, handle)
    sliced = mode is not None and mode[0] == pynvml.NVML_DEVICE_MIG_ENABLE
    whole = _gpu(handle, sliced=sliced)
    yield whole
    for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle) if sliced else 0):
        with contextlib.suppress(pynvml.NVMLError_NotFound):
            yield _gpu(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index), parent=whole.uuid)


def _gpu(handle: Any, *, sliced: bool = False, parent: str | None = None) -> Gpu:
    return Gpu(
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
        name=str(pynvml.nvmlDeviceGetName(handle)),
        memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        minor=None if parent else _optional(pynvml.nvmlDeviceGetMinorNumber, handle),
        sliced=sliced,
        parent=parent,
    )


def _whole(handle: Any) -> Any:
    """Give the GPU that an instance is part of: errors and events belong to the whole."""
    if pynvml.nvmlDeviceIsMigDeviceHandle(handle).value:
        return pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)
    return handle


def _used_bytes(handle: Any) -> int:
    """Give the memory in use; the second version of the call leaves out what the driver keeps for itself."""
    memory = _optional(pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2)
    return int((memory or pynvml.nvmlDeviceGetMemoryInfo(handle)).used)


def _optional(call: Callable[..., Any], *arguments: Any) -> Any:
    """Ask for what some GPUs and drivers do not tell: None then."""
    try:
        return call(*arguments)
    except (
        pynvml.NVMLError_NotSupported,
        pynvml.NVMLError_FunctionNotFound,
        pynvml.NVMLError_NoPermission,
        pynvml.NVMLError_ArgumentVersionMismatch,
    ):
        return None
