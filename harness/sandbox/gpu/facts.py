"""Plain facts about GPUs, as data. Must not ask the driver for them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU, or one instance of a GPU that is cut up by MIG.

    Attributes:
        uuid: ``GPU-…`` or ``MIG-…``.
        minor: The number N of ``/dev/nvidiaN``; None for an instance.
        sliced: MIG mode is on, so that only its instances compute.
        parent: UUID of the GPU that an instance is part of; None for a whole GPU.
    """

    uuid: str
    name: str
    memory_bytes: int
    minor: int | None = None
    sliced: bool = False
    parent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The driver's version, the newest CUDA (major, minor) that it runs, and the GPUs."""

    driver: str
    cuda: tuple[int, int]
    gpus: tuple[Gpu, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """A process that computes on a GPU: its pid as the host numbers it, and its memory there, if the driver tells."""

    pid: int
    memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One measurement of a GPU: memory in use, the share of the last moments in which it computed, who computes."""

    used_bytes: int
    busy_fraction: float | None
    processes: tuple[GpuProcess, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuUse:
    """What a job used of its GPU, for the receipt; what could not be measured is None.

    Attributes:
        memory_bytes: How much memory it has.
        seconds: How long the job held it.
        busy_seconds: How long it computed meanwhile.
        peak_vram_bytes: Most memory of the job's processes; where the driver does not tell them apart, of the whole
            GPU less what was in use before.
    """

    uuid: str
    name: str
    memory_bytes: int
    seconds: float
    busy_seconds: float | None
    peak_vram_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSeen:
    """What was seen on a GPU while a job had it: evidence that a program cannot fake, since only the driver gives it.

    Attributes:
        neighbours: Processes that are not the job's and computed there meanwhile.
        xids: Numbers of the errors that the driver reported.
        uncorrected_errors: Memory errors that ECC could not correct and that came meanwhile.
        failure: What the driver said when it stopped answering, or None.
    """

    use: GpuUse
    neighbours: tuple[GpuProcess, ...] = ()
    xids: tuple[int, ...] = ()
    uncorrected_errors: int = 0
    failure: str | None = None
