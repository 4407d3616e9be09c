"""A control group's files are found on cgroup v1, v2 and a mixture; what cannot be read is asked of the engine."""

import shutil
import threading
import time
from pathlib import Path

import pytest

from harness.errors import EnvironmentFault
from harness.sandbox.cgroup import Cgroup, CgroupWatch, memory_in_use, parse_groups, parse_mounts

V1 = {
    "cgroup": "8:pids:/docker/ab\n4:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab\n0::/\n",
    "mounts": (("cgroup", "rw,memory", "memory"), ("cgroup", "rw,pids", "pids"), ("cgroup2", "rw", "unified")),
}
V2 = {"cgroup": "0::/system.slice/docker-ab.scope\n", "mounts": (("cgroup2", "rw,nsdelegate", ""),)}


def make_proc(folder: Path, given: dict[str, object], *, root: str = "/") -> Path:
    """Write a `/proc` of two files that speaks of control groups below `folder`."""
    (folder / "proc/7").mkdir(parents=True)
    (folder / "proc/self").mkdir()
    (folder / "proc/7/cgroup").write_text(str(given["cgroup"]))
    mounts = given["mounts"]
    assert isinstance(mounts, tuple)
    lines = [
        f"30 20 0:{number} {root} {folder / 'fs' / place} rw shared:1 - {kind} {kind} {options}\n"
        for number, (kind, options, place) in enumerate(mounts)
    ]
    (folder / "proc/self/mountinfo").write_text("20 1 8:1 / / rw - ext4 /dev/root rw\n" + "".join(lines))
    return folder / "proc"


def put(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"cgroup.procs": "7\n", **files}.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_version_1(tmp_path: Path) -> None:
    proc = make_proc(tmp_path, V1)
    put(
        tmp_path / "fs/memory/docker/ab",
        memory__usage_in_bytes="1000\n",
        memory__stat="cache 5\ninactive_file 1\ntotal_inactive_file 300\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    )
    put(tmp_path / "fs/pids/docker/ab", pids__events="max 3\n")
    found = Cgroup.of(7, proc=proc)
    assert found is not None
    assert (found.memory_bytes(), found.oom_kills(), found.pids_refused()) == (700, 2, 3)


@pytest.mark.parametrize("root", ["/", "/system.slice"])
def test_version_2_whole_or_a_part_mounted(tmp_path: Path, root: str) -> None:
    proc = make_proc(tmp_path, V2, root=root)
    put(
        tmp_path / "fs" / ("system.slice/docker-ab.scope" if root == "/" else "docker-ab.scope"),
        memory__current="1000\n",
        memory__stat="anon 5\ninactive_file 300\n",
        memory__events="low 0\nhigh 0\nmax 9\noom 4\noom_kill 1\n",
        pids__events="max 2\n",
    )
    found = Cgroup.of(7, proc=proc)
    assert found is not None
    assert found.memory == found.pids
    assert (found.memory_bytes(), found.oom_kills(), found.pids_refused()) == (700, 1, 2)


def test_no_such_process_or_folder(tmp_path: Path) -> None:
    proc = make_proc(tmp_path, V2)
    assert Cgroup.of(8, proc=proc) is None
    assert Cgroup.of(7, proc=proc) is None  # named, but not there
    other = make_proc(tmp_path / "other", V2, root="/elsewhere")
    assert Cgroup.of(7, proc=other) is None


def test_parsing() -> None:
    assert parse_groups("3:cpu,cpuacct:/a\n0::/b:c\n") == {"cpu": "/a", "cpuacct": "/a", "": "/b:c"}
    line = "31 20 0:26 / /sys/fs/cgroup rw,nosuid shared:9 master:1 - cgroup2 cgroup2 rw,nsdelegate\n"
    assert parse_mounts(line) == {"": ("/", Path("/sys/fs/cgroup"))}


def test_engine_is_asked_where_there_is_no_group() -> None:
    samples = iter([{"usage": 5}, {"usage": 9}, {"usage": 3}])
    done = threading.Event()

    def sample() -> dict[str, int]:
        try:
            return next(samples)
        except StopIteration:
            done.set()
            raise EnvironmentFault("gone", remedy="") from None

    watch = CgroupWatch(None, otherwise=sample)
    watch.start()
    assert done.wait(10)
    watch.stop()
    assert (watch.peak_bytes, watch.oom_kills, watch.pids_refused) == (9, 0, False)
    assert not watch.machine_ran_out(killed=True)


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        ({}, None),
        ({"usage": 100}, 100),
        ({"usage": 100, "stats": {"total_inactive_file": 30, "inactive_file": 5}}, 70),
        ({"usage": 100, "stats": {"inactive_file": 40}}, 60),
        ({"usage": 10, "stats": {"inactive_file": 40}}, 0),
    ],
)
def test_memory_in_use(stats: dict[str, object], expected: int | None) -> None:
    assert memory_in_use(stats) == expected


@pytest.mark.parametrize(("peak", "most", "full"), [("9", "10", False), ("10", "10", True), ("9", "max", False)])
def test_whose_limit_of_processes(tmp_path: Path, peak: str, most: str, full: bool) -> None:
    put(tmp_path, pids__peak=f"{peak}\n", pids__max=f"{most}\n")
    assert Cgroup(memory=tmp_path, pids=tmp_path).is_full_of_pids() is full


def test_limit_hits_of_the_group_and_around_it(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    put(inner, memory__failcnt="0\n")
    put(inner.parent, memory__failcnt="4\n")
    v1 = Cgroup(memory=inner, pids=inner)
    assert (v1.memory_limit_hits(), v1.limit_hits_around()) == (0, 4)
    put(inner, **{"memory__events__local": "max 9\noom 2\noom_kill 2\n"})
    assert v1.memory_limit_hits() == 2


def test_refusals_around_are_those_of_the_groups_that_hold_it(tmp_path: Path) -> None:
    """The kernel documents this of cgroup v2 since 6.11: `pids.events.local` counts a group's own limit alone."""
    inner = tmp_path / "outer" / "inner"
    put(inner, pids__events="max 0\n", pids__events__local="max 7\n")
    put(inner.parent, pids__events="max 9\n", pids__events__local="max 2\n")
    group = Cgroup(memory=inner, pids=inner)
    assert (group.pids_refused(), group.refusals_around()) == (0, 2)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_machine_ran_out_where_a_group_around_it_refused_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    inner = tmp_path / "outer" / "inner"
    put(inner, pids__events="max 0\n")
    put(inner.parent, pids__events__local=f"max {2 if when == 'before' else 1}\n")
    monkeypatch.setattr(Cgroup, "of", lambda _: Cgroup(memory=inner, pids=inner))
    watch = CgroupWatch(7, otherwise=dict)
    put(inner.parent, pids__events__local="max 2\n")
    assert watch.machine_ran_out(killed=False) is (when == "meanwhile")


def test_a_kill_is_counted_around_a_group_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slice_, inner = tmp_path / "machine.slice", tmp_path / "machine.slice" / "x.scope" / "container"
    put(inner, memory__events="oom_kill 0\n")
    put(inner.parent, memory__events="oom_kill 0\n")
    put(slice_, memory__events="oom_kill 3\n")
    monkeypatch.setattr(Cgroup, "of", lambda _: Cgroup(memory=inner, pids=inner))
    watch = CgroupWatch(7, otherwise=dict)
    put(slice_, memory__events="oom_kill 4\n")
    assert not watch.may_have_missed_a_kill  # the group is there: it tells by itself
    shutil.rmtree(inner.parent)
    assert watch.may_have_missed_a_kill
    assert not watch.machine_ran_out(killed=True)
    put(slice_, memory__events__local="oom 1\n")
    assert watch.machine_ran_out(killed=True)
    assert not watch.machine_ran_out(killed=False)
    watch.oom_kills = 1
    assert not watch.may_have_missed_a_kill


def test_counts_do_not_fall_when_the_group_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files vanish one after the other, while they are read."""
    put(tmp_path, memory__events="oom_kill 1\n", memory__events__local="oom 1\n", memory__current="5\n")
    monkeypatch.setattr(Cgroup, "of", lambda _: Cgroup(memory=tmp_path, pids=tmp_path))
    watch = CgroupWatch(7, otherwise=dict)
    watch.start()
    until = time.monotonic() + 10
    while watch.peak_bytes is None and time.monotonic() < until:
        time.sleep(0.01)
    for name in ("memory.events", "memory.events.local"):
        (tmp_path / name).unlink()
    time.sleep(0.3)
    watch.stop()
    assert (watch.oom_kills, watch.machine_ran_out(killed=True)) == (1, False)


def test_a_count_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    """The kernel answers with ENODEV for files of a group that goes while they are read."""
    put(tmp_path)
    (tmp_path / "pids.events").mkdir()
    (tmp_path / "memory.events.local").mkdir()
    group = Cgroup(memory=tmp_path / "x", pids=tmp_path)
    assert (group.pids_refused(), group.limit_hits_around()) == (0, 0)
