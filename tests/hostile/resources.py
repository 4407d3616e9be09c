"""Programs that take what there is: processes, memory, disk, descriptors, time; and that do not want to end."""

from pathlib import Path

from .case import CONTAINERS, DOCKER, PROCESS, hostile
from .parts import ANSWER, COPY, python, write_download, write_run

TWO_SECONDS = {"run": {"timeout_s": 2}}
FEW_PROCESSES = {"run": {"timeout_s": 4, "pids": 64}}
TO_OUTPUT = 'cd "$(dirname "$output")"\n'


@hostile("RUN001", stage="run", on=CONTAINERS, limits=FEW_PROCESSES)
def fork_bomb_of_bash(folder: Path) -> None:
    """The classic one."""
    write_run(folder, "bomb() { bomb | bomb & }\nbomb\nwait\nsleep 60\n")


@hostile("RUN002", stage="run", on=CONTAINERS, limits=FEW_PROCESSES)
def more_processes_than_allowed(folder: Path) -> None:
    """It ends badly because the system refuses it another process."""
    program = "import os, time\nfor _ in range(100):\n    if os.fork() == 0: time.sleep(5); os._exit(0)"
    write_run(folder, f"{python(program).rstrip()} || sleep 0.5; exit 1\n")


@hostile(
    "RUN002",
    stage="run",
    on=frozenset({DOCKER}),  # Podman tells where to look too late
    limits=FEW_PROCESSES,
)
def more_processes_than_allowed_and_gone_at_once(folder: Path) -> None:
    """The same, but the container ends within a few milliseconds of it."""
    program = "import os, time\nfor _ in range(100):\n    if os.fork() == 0: time.sleep(5); os._exit(0)"
    write_run(folder, python(program))


@hostile("RUN001", stage="run", on=CONTAINERS, limits=FEW_PROCESSES)
def fork_bomb_of_python(folder: Path) -> None:
    """Each child forks on, whatever the system says."""
    program = "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)\n"
    write_run(folder, python(program))


@hostile("RUN001", stage="run", limits=TWO_SECONDS)
def two_hundred_children_that_sleep(folder: Path) -> None:
    """All of them must be gone afterwards."""
    write_run(folder, "for i in $(seq 200); do sleep 1000 & done\nwait\n")


@hostile("RUN001", stage="run", limits=TWO_SECONDS)
def children_that_flee_into_sessions_of_their_own(folder: Path) -> None:
    """setsid, twice over, with all streams closed."""
    flee = "setsid bash -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 &' </dev/null >/dev/null 2>&1 &"
    write_run(folder, f"for i in $(seq 10); do {flee} done\nsleep 1000\n")


@hostile(stage="run", cheap=True)
def child_that_outlives_its_parent(folder: Path) -> None:
    """run.sh ends well and leaves a double-forked child behind, which would go on writing."""
    write_run(folder, f"{ANSWER}(setsid bash -c 'while :; do sleep 0.1; done' >/dev/null 2>&1 &)\nexit 0\n")


@hostile(stage="run")
def child_that_keeps_the_streams_open(folder: Path) -> None:
    """Whoever waits for the end of the output waits for it."""
    write_run(folder, f"{ANSWER}(setsid sleep 1000 &)\nexit 0\n")


@hostile("RUN001", stage="run", limits=TWO_SECONDS)
def signals_ignored(folder: Path) -> None:
    """All that can be ignored."""
    write_run(folder, "trap '' TERM INT HUP QUIT USR1 ALRM PIPE CHLD\nwhile :; do sleep 1; done\n")


@hostile("RUN001", stage="run", limits=TWO_SECONDS)
def stopped_by_itself(folder: Path) -> None:
    """A stopped process takes no signal but one."""
    write_run(folder, "(kill -STOP $BASHPID) &\nkill -STOP $$\nsleep 1000\n")


@hostile("RUN001", stage="run", limits=TWO_SECONDS)
def children_that_are_reborn(folder: Path) -> None:
    """Two processes that start each other anew."""
    program = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "while True:\n"
        "    pid = os.fork()\n"
        "    if pid: os.waitpid(pid, 0); continue\n"
        "    os.setsid(); end = time.monotonic() + 0.2\n"
        "    while time.monotonic() < end: time.sleep(0.01)\n"
        "    os._exit(0)\n"
    )
    write_run(folder, python(program))


@hostile("RUN001", stage="run", limits=TWO_SECONDS)
def storm_of_zombies(folder: Path) -> None:
    """Children that nobody waits for."""
    program = "import os, time\nfor _ in range(150):\n    if os.fork() == 0: os._exit(0)\ntime.sleep(1000)\n"
    write_run(folder, python(program))


@hostile("RUN002", stage="run", cheap=True)
def memory_of_one_process(folder: Path) -> None:
    """A gigabyte where 256 MB are allowed."""
    write_run(folder, python("import time; kept = [bytearray(10000000) for _ in range(100)]; time.sleep(10)"))


@hostile("RUN002", stage="run")
def memory_of_many_processes(folder: Path) -> None:
    """None is large, together they are."""
    program = (
        "import os, time\n"
        "for _ in range(20):\n"
        "    if os.fork() == 0: kept = bytearray(os.urandom(1000)) * 50000; time.sleep(10); os._exit(0)\n"
        "time.sleep(8)\nraise SystemExit(1)\n"
    )
    write_run(folder, python(program))


@hostile("RUN002", stage="run", on=CONTAINERS)
def memory_by_way_of_tmp(folder: Path) -> None:
    """/tmp is memory: it has a size of its own, and what fills it counts."""
    fill = "for i in 1 2 3; do head -c 40000000 /dev/zero >/tmp/fill$i; done"
    write_run(folder, f"{fill}\nset -e\n{python('kept = bytearray(1) * 200000000')}exit 9\n")


@hostile(stage="run", on=CONTAINERS)
def shared_memory_filled(folder: Path) -> None:
    """/dev/shm ends at its size."""
    fill = "head -c 900000000 /dev/zero >/dev/shm/fill 2>/dev/null && exit 66\nrm -f /dev/shm/fill\n"
    write_run(folder, fill + ANSWER)


@hostile("RUN002", stage="run")
def disk_filled_by_many_files(folder: Path) -> None:
    """Each of them is small."""
    loop = "for i in $(seq 1000); do head -c 5000000 /dev/zero >f$i; done\nsleep 10\n"
    write_run(folder, TO_OUTPUT + loop)


@hostile("RUN002", stage="run")
def disk_filled_by_one_file(folder: Path) -> None:
    """A file ends at the budget."""
    write_run(folder, f"{TO_OUTPUT}cat /dev/zero >big\nsleep 10\nexit 1\n")


@hostile("RUN002", stage="run")
def disk_filled_by_files_without_a_name(folder: Path) -> None:
    """They are deleted and still open."""
    program = (
        "import os, time\n"
        "kept = []\n"
        "for _ in range(6):\n"
        '    kept.append(os.open("big", os.O_RDWR | os.O_CREAT)); os.unlink("big")\n'
        '    for _ in range(40): os.write(kept[-1], b"x" * 1000000)\n'
        "time.sleep(10)\n"
    )
    write_run(folder, TO_OUTPUT + python(program))


@hostile("RUN002", stage="run")
def disk_filled_in_the_submission(folder: Path) -> None:
    """Not in the output folder, but beside run.sh."""
    write_run(folder, "for i in $(seq 1000); do head -c 5000000 /dev/zero >f$i; done\nsleep 10\n")


@hostile("FET003", stage="fetch")
def disk_filled_by_download(folder: Path) -> None:
    """More than it may bring, and then removed in time: what was there counts."""
    fill = "for i in $(seq 60); do head -c 5000000 /dev/zero >f$i; done; sleep 3; rm f*"
    write_download(folder, f"{COPY}{fill}\n")


@hostile("RUN002", stage="run", limits={"run": {"disk_bytes": 20_000_000}})
def inodes_filled(folder: Path) -> None:
    """Files without content; each folder of them takes room."""
    program = 'import os\nfor n in range(1000000):\n    os.mkdir(f"d{n}")\n'
    write_run(folder, TO_OUTPUT + python(program))


@hostile("RUN003", stage="run")
def descriptors_used_up(folder: Path) -> None:
    """It opens files until the system says no."""
    program = 'kept = []\nwhile True: kept.append(open("/dev/null"))\n'
    write_run(folder, python(program))


@hostile(stage="run")
def many_threads(folder: Path) -> None:
    """A hundred threads that wait do no harm."""
    program = (
        "import threading\n"
        "done = threading.Event()\n"
        "threads = [threading.Thread(target=done.wait, daemon=True) for _ in range(100)]\n"
        "[one.start() for one in threads]; done.set()\n"
    )
    write_run(folder, python(program) + ANSWER)


@hostile("RUN001", stage="run", limits={"run": {"timeout_s": 3}})
def processors_kept_busy(folder: Path) -> None:
    """Eight loops: the rest of the machine goes on, and the deadline holds."""
    write_run(folder, "for i in $(seq 8); do (while :; do :; done) & done\nwait\n")


@hostile(
    stage="run",
    on=frozenset({PROCESS}),
    fault="SandboxFault",
)
def supervisor_killed(folder: Path) -> None:
    """Without isolation nobody can tell whether the program or the machine did it: not graded, and why."""
    write_run(folder, "sleep 0.1\nsetsid sleep 15 >/dev/null 2>&1 </dev/null &\nkill -9 $PPID\nwait\n")
