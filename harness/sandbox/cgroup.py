"""What the kernel counts of a container while it runs: memory, out-of-memory kills, refused processes.

Read from the control group's own files, by the pid of any process in it, whatever the engine: an engine's own figures
come once a second and hold neither of the two counts. Where the files are out of reach (another machine's engine), the
engine is asked for the memory instead. Formats: the kernel's documents `cgroup-v1/memory`, `cgroup-v1/pids`,
`cgroup-v2`. Must not import the engine's client.
"""

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from harness.errors import HarnessError

_SAMPLE_PAUSE_S = 0.1
# Where somebody is about to be killed we must look before the group is gone: maybe a hundredth of a second later.
_ALERT_PAUSE_S = 0.01
_ALERT_S = 1.0
_ALERT_FREE = 0.15
_ENGINE_PAUSE_S = 0.5
_EVENT_PAUSE_S = 0.005
_SCARCE = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroup:
    """The files of one control group: its memory folder and its pids folder, which cgroup v2 makes the same."""

    memory: Path
    pids: Path

    @classmethod
    def of(cls, pid: int, *, proc: Path = Path("/proc")) -> Self | None:
        """Find the group of a process; None where its files cannot be read."""
        try:
            groups = parse_groups((proc / str(pid) / "cgroup").read_text())
            mounts = parse_mounts((proc / "self/mountinfo").read_text())
        except OSError:
            return None
        memory, pids = (_folder(controller, groups, mounts) for controller in ("memory", "pids"))
        return None if memory is None or pids is None else cls(memory=memory, pids=pids)

    def event_files(self) -> tuple[Path, ...]:
        """List the files that the kernel tells changes of; cgroup v1 has none for memory, see `oom_events`."""
        files = (self.pids / "pids.events", self.memory / "memory.events")
        return tuple(one for one in files if one.exists())

    @contextlib.contextmanager
    def oom_events(self) -> Iterator[int | None]:
        """Give a descriptor that can be read when memory runs out in the group or around it; None on cgroup v2.

        Cgroup v1 is asked for it as `cgroup-v1/memory` says in "OOM Control". It does not tell of the whole machine.
        """
        with contextlib.ExitStack() as stack:
            try:
                control = stack.enter_context((self.memory / "memory.oom_control").open("rb"))
                register = stack.enter_context((self.memory / "cgroup.event_control").open("wb", buffering=0))
                events = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
                stack.callback(os.close, events)
                register.write(f"{events} {control.fileno()}".encode())
            except (OSError, AttributeError):  # cgroup v2, or a Python without eventfd
                yield None
                return
            yield events

    def memory_bytes(self) -> int:
        """Give the memory in use, less the file cache that the kernel can drop.

        Raises:
            OSError: The group is gone.
        """
        v1, v2 = self.memory / "memory.usage_in_bytes", self.memory / "memory.current"
        usage = int((v2 if v2.exists() else v1).read_text())
        return memory_in_use({"usage": usage, "stats": _table(self.memory / "memory.stat")}) or 0

    def oom_kills(self) -> int:
        """Count the processes that the kernel killed for want of memory, in the group or around it."""
        counts = _table(self.memory / "memory.events") or _table(self.memory / "memory.oom_control")
        return counts.get("oom_kill", 0)

    def oom_kills_around(self) -> int:
        """Count such processes in the outermost group around it, with all that it holds; 0 on cgroup v1.

        That group outlives this one, which may be gone sooner after a kill than anybody can look.
        """
        outermost = [one for folder in self.memory.parents if (one := folder / "memory.events").exists()][-1:]
        return sum(_table(one).get("oom_kill", 0) for one in outermost)

    def memory_limit_hits(self) -> int:
        """Count how often the group came to its own memory limit."""
        return _limit_hits(self.memory)

    def limit_hits_around(self) -> int:
        """Count how often the groups around it came to their memory limits; they outlive the group."""
        return sum(_limit_hits(folder) for folder in self.memory.parents if (folder / "cgroup.procs").exists())

    def pids_refused(self) -> int:
        """Count how often the kernel refused a new process or thread, at the group's limit or one around it."""
        return _table(self.pids / "pids.events").get("max", 0)

    def refusals_around(self) -> int:
        """Count how often the groups around it refused a process at their own limits, whosoever asked for it.

        Since 6.11 the kernel counts this on cgroup v2 there alone, and not in the group that was refused.
        """
        places = [folder / "pids.events.local" for folder in self.pids.parents if (folder / "cgroup.procs").exists()]
        return sum(_table(place).get("max", 0) for place in places)

    def is_full_of_pids(self) -> bool:
        """Tell whether the group itself came to its limit of processes; True where the kernel does not tell."""
        peak, most = _number(self.pids / "pids.peak"), _number(self.pids / "pids.max")
        return peak is None or (most is not None and peak >= most)

    def processes(self) -> list[int]:
        """List the processes in the group, as the host numbers them; none where it is gone."""
        with contextlib.suppress(OSError):
            return [int(line) for line in (self.pids / "cgroup.procs").read_text().split()]
        return []

    def exists(self) -> bool:
        """Tell whether the group is still there."""
        return (self.memory / "cgroup.procs").exists()


class CgroupWatch:
    """A thread that samples a control group until stopped or until the group is gone.

    What ran out around the group before the watch was made is not seen.

    Args:
        pid: A process in the group, or None where it cannot be told.
        otherwise: Gives the engine's `memory_stats`, for where the files are out of reach; raises a `HarnessError` when
            it cannot, which ends the sampling.
    """

    def __init__(self, pid: int | None, *, otherwise: Callable[[], Mapping[str, Any]]) -> None:
        self._first = pid
        self._cgroup = None if pid is None else Cgroup.of(pid)
        self._otherwise = otherwise
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cgroup-watch", daemon=True)
        self.peak_bytes: int | None = None
        self.oom_kills = 0
        self.pids_refused = False
        self._own_hits = 0
        self._refused_outside = False
        self._hits_around = 0 if self._cgroup is None else self._cgroup.limit_hits_around()
        self._refusals_around = 0 if self._cgroup is None else self._cgroup.refusals_around()
        self._kills_around = 0 if self._cgroup is None else self._cgroup.oom_kills_around()
        self._least_free = 1.0

    def processes(self) -> list[int]:
        """List the container's processes, as the host numbers them; none where they cannot be told."""
        return self._cgroup.processes() if self._cgroup else pids_below(self._first)

    @property
    def may_have_missed_a_kill(self) -> bool:
        """Whether the group is gone, no kill for want of memory was seen in it, but one was counted around it."""
        if self._cgroup is None or self.oom_kills > 0 or self._cgroup.exists():
            return False
        return self._cgroup.oom_kills_around() > self._kills_around

    def machine_ran_out(self, *, killed: bool) -> bool:
        """Tell whether memory or processes ran out around the group, while it stayed below its own limits.

        Around it: a group that holds it came to a limit, or less than 3 % of the machine's memory was left.

        Args:
            killed: Whether the kernel killed one of its processes for want of memory, as far as anybody saw.
        """
        if self._cgroup is None:
            return False
        refused_around = self._cgroup.refusals_around() > self._refusals_around
        refused = not self.pids_refused and (self._refused_outside or refused_around)
        if self._own_hits > 0:
            return refused
        around = self._cgroup.limit_hits_around() > self._hits_around
        return refused or (killed and (around or self._least_free < _SCARCE))

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """Sample no more. An answer of the engine that is still to come is not waited for."""
        self._stop.set()

    def _run(self) -> None:
        with contextlib.suppress(OSError, HarnessError):
            if self._cgroup is None:
                self._ask()
            else:
                self._sample(self._cgroup)

    def _ask(self) -> None:
        while not self._stop.is_set():
            self._keep_peak(memory_in_use(self._otherwise()))
            self._stop.wait(_ENGINE_PAUSE_S)

    def _sample(self, cgroup: Cgroup) -> None:
        with contextlib.ExitStack() as stack:
            woken = select.poll()
            oom = stack.enter_context(cgroup.oom_events())
            if oom is not None:
                woken.register(oom, select.POLLIN)
            files = [stack.enter_context(path.open("rb", buffering=0)) for path in cgroup.event_files()]
            for file in files:
                woken.register(file, select.POLLPRI)
            alert_until = 0.0
            while not self._stop.is_set() and cgroup.exists():
                for file in files:  # an event is over only when its file has been read
                    file.seek(0)
                    file.read()
                free = self._look(cgroup)
                self._stop.wait(_EVENT_PAUSE_S)
                alert = free < _ALERT_FREE or time.monotonic() < alert_until
                happened = woken.poll((_ALERT_PAUSE_S if alert else _SAMPLE_PAUSE_S) * 1000)
                if oom is not None and any(descriptor == oom for descriptor, _ in happened):
                    os.eventfd_read(oom)
                    alert_until = time.monotonic() + _ALERT_S  # told before the kill that is counted

    def _look(self, cgroup: Cgroup) -> float:
        """Read all counts; give the share of the machine's memory that is free."""
        # Counts never fall; of a group that is gone by now they read as none.
        self.oom_kills = max(self.oom_kills, cgroup.oom_kills())
        self._own_hits = max(self._own_hits, cgroup.memory_limit_hits())
        if cgroup.pids_refused() > 0:
            self.pids_refused = cgroup.is_full_of_pids()
            self._refused_outside = not self.pids_refused
        memory = psutil.virtual_memory()
        free = memory.available / memory.total
        self._least_free = min(self._least_free, free)
        self._keep_peak(cgroup.memory_bytes())
        return free

    def _keep_peak(self, used_bytes: int | None) -> None:
        if used_bytes:
            self.peak_bytes = max(self.peak_bytes or 0, used_bytes)


def pids_below(first: int | None) -> list[int]:
    """List a process and its descendants, as the host numbers them; none where they cannot be told."""
    if first is None:
        return []
    with contextlib.suppress(psutil.Error):
        return [first, *(one.pid for one in psutil.Process(first).children(recursive=True))]
    return []


def memory_in_use(memory_stats: Mapping[str, Any]) -> int | None:
    """Give the bytes in use out of an engine's `memory_stats`, less the file cache that the kernel can drop.

    The cache is what `docker stats` takes off: `total_inactive_file` of cgroup v1, `inactive_file` of v2.
    """
    usage = memory_stats.get("usage")
    if not isinstance(usage, int):
        return None
    detail = memory_stats.get("stats") or {}
    return max(0, usage - int(detail.get("total_inactive_file", detail.get("inactive_file", 0))))


def parse_groups(text: str) -> dict[str, str]:
    """Read ``/proc/PID/cgroup`` into controller -> path; cgroup v2 stands under the empty name."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def parse_mounts(text: str) -> dict[str, tuple[str, Path]]:
    """Read ``/proc/self/mountinfo`` into controller -> (what of the hierarchy is mounted, where)."""
    found: dict[str, tuple[str, Path]] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        root, place = before.split()[3:5]
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            found[""] = (root, Path(place))
        elif kind == "cgroup":
            found |= dict.fromkeys(options.split(","), (root, Path(place)))
    return found


def _folder(controller: str, groups: Mapping[str, str], mounts: Mapping[str, tuple[str, Path]]) -> Path | None:
    """Find a controller's folder of the group; None where the group cannot be seen from here."""
    name = controller if controller in groups and controller in mounts else ""
    if name not in groups or name not in mounts:
        return None
    root, place = mounts[name]
    path = groups[name]
    if root != "/":
        if not f"{path}/".startswith(f"{root}/"):
            return None
        path = path[len(root) :]
    folder = place / path.lstrip("/")
    return folder if (folder / "cgroup.procs").exists() else None


def _limit_hits(memory: Path) -> int:
    """Read the count of cgroup v2, or of v1: each version lacks the file of the other."""
    return _table(memory / "memory.events.local").get("oom", 0) or _number(memory / "memory.failcnt") or 0


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or the word `max`
        return None


def _table(path: Path) -> dict[str, int]:
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except OSError:  # not there, or (ENODEV) gone while it was read
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}
