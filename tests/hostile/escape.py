"""Attempts to leave the container, to see what is kept from it, or to change what it was lent.

Each attempt that works ends the script with a code that fails the case; else the script does its work.
"""

from pathlib import Path

from .case import CONTAINERS, hostile
from .parts import ANSWER, BREACH, COPY, ESCAPED, SECRET, python, refuse, write_download, write_prompts, write_run

SEARCH = "grep -rslI --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr"
SYSCALLS = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
for number, arguments in {calls}:
    ctypes.set_errno(0)
    if libc.syscall(number, *arguments) != -1:
        print("syscall", number, "worked", file=sys.stderr); sys.exit({breach})
"""
CONNECT = """
import socket, sys
for host, port in {targets}:
    one = socket.socket(); one.settimeout(1)
    try: one.connect((host, port))
    except OSError: continue
    print("connected to", host, port, file=sys.stderr); sys.exit({breach})
"""


def _attempts(folder: Path, *commands: str) -> None:
    write_run(folder, refuse(*commands) + ANSWER)


def _syscalls(folder: Path, *calls: tuple[int, tuple[object, ...]]) -> None:
    program = SYSCALLS.format(calls=repr(calls).replace("'", '"'), breach=BREACH)
    write_run(folder, f"{python(program).rstrip()} || exit {BREACH}\n{ANSWER}")


@hostile(stage="run", on=CONTAINERS, cheap=True)
def kernel_settings(folder: Path) -> None:
    """What a crash, a module or a key press starts is set in /proc/sys."""
    settings = "kernel/core_pattern kernel/modprobe kernel/hostname vm/overcommit_memory net/ipv4/ip_forward"
    _attempts(folder, *(f"echo x >/proc/sys/{one}" for one in settings.split()), "echo b >/proc/sysrq-trigger")


@hostile(stage="run", on=CONTAINERS)
def control_groups(folder: Path) -> None:
    """A release agent runs on the host; a raised limit is no limit."""
    _attempts(
        folder,
        "mkdir /sys/fs/cgroup/memory/x",
        "mkdir /sys/fs/cgroup/x",
        "echo /tmp/x >/sys/fs/cgroup/memory/release_agent",
        "echo -1 >/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "echo max >/sys/fs/cgroup/memory.max",
        "echo max >/sys/fs/cgroup/pids/pids.max",
        "mkdir /tmp/c && mount -t cgroup -o memory none /tmp/c",
    )


@hostile(stage="run", on=CONTAINERS, cheap=True)
def mounts(folder: Path) -> None:
    """Nothing can be mounted, nothing made writable."""
    _attempts(
        folder,
        "mount -t tmpfs none /mnt",
        "mount --bind / /mnt",
        "mount -o remount,rw /",
        'mount -o remount,rw,bind "$base"',
        "mount -t proc proc /mnt",
        'umount "$base"',
    )


@hostile(stage="run", on=CONTAINERS)
def namespaces(folder: Path) -> None:
    """A user namespace would give all capabilities over itself."""
    _attempts(folder, "unshare -U true", "unshare -Ur id", "unshare -m true", "unshare -n true", "nsenter -t 1 -m true")


@hostile(stage="run", on=CONTAINERS)
def devices(folder: Path) -> None:
    """Neither made nor there."""
    _attempts(
        folder,
        "mknod /tmp/disk b 8 0",
        "mknod disk b 254 0",
        "mknod /tmp/memory c 1 1",
        "test -e /dev/mem -o -e /dev/kmem -o -e /dev/sda -o -e /dev/vda -o -e /dev/kvm -o -e /dev/fuse",
        "head -c 1 /proc/kcore",
        "head -c 1 /dev/kmsg",
    )


@hostile(stage="run", on=CONTAINERS)
def privileges(folder: Path) -> None:
    """It is not root, has no capability, and cannot gain any."""
    _attempts(
        folder,
        'test "$(id -u)" = 0',
        "! grep -q '^NoNewPrivs:.1$' /proc/self/status",
        "! grep -q '^Seccomp:.2$' /proc/self/status",
        "! grep -q '^CapEff:.0000000000000000$' /proc/self/status",
        "! grep -q '^CapBnd:.0000000000000000$' /proc/self/status",
        "su -c id",
        "chroot / true",
        "nice -n -20 true | grep -q x",
        "echo -1000 >/proc/self/oom_score_adj",
    )


@hostile(stage="run", on=CONTAINERS)
def setuid_programs(folder: Path) -> None:
    """Those of the image gain nothing, and one of its own is no use."""
    own = 'cp /usr/bin/id "$(dirname "$output")/id"; chmod 6755 "$(dirname "$output")/id"'
    gain = "find / -xdev -perm -4000 -type f 2>/dev/null | while read -r one; do $one -c id 2>/dev/null; done"
    write_run(folder, f"{own}\n{refuse(f'({gain}) | grep -q uid=0')}{ANSWER}")


@hostile(stage="run", on=CONTAINERS)
def system_calls_that_change_the_machine(folder: Path) -> None:
    """Modules, clock, reboot, swap, kexec, BPF, profiling, namespaces, handles: x86-64 numbers."""
    _syscalls(
        folder,
        (175, (0, 0, "")),  # init_module
        (313, (0, "", 0)),  # finit_module
        (246, (0, 0, 0, 0)),  # kexec_load
        (169, (0xFEE1DEAD, 672274793, 0x1234567, 0)),  # reboot
        (167, ("/tmp/x", 0)),  # swapon
        (164, (0, 0)),  # settimeofday
        (170, ("owned", 5)),  # sethostname
        (321, (0, 0, 0)),  # bpf
        (298, (0, 0, -1, -1, 0)),  # perf_event_open
        (323, (1,)),  # userfaultfd, for the kernel too
        (308, (0, 0)),  # setns
        (304, (0, 0, 0)),  # open_by_handle_at
        (155, ("/", "/")),  # pivot_root
        (103, (3, 0, 0)),  # syslog: read all
        (163, ("/tmp/x",)),  # acct
    )


@hostile(stage="run", on=CONTAINERS)
def keyrings(folder: Path) -> None:
    """Keys of the kernel are not of a container alone."""
    _syscalls(folder, (248, ("user", "k", "v", 1, -2)), (250, (0, -3, 1)))  # add_key, keyctl


@hostile("RUN001", stage="run", on=CONTAINERS, limits={"run": {"timeout_s": 3}})
def tracing_of_the_first_process(folder: Path) -> None:
    """It may stop the container's init, so that nothing is waited for: the deadline ends the container all the same."""
    program = "import ctypes; ctypes.CDLL(None).ptrace(16, 1, 0, 0)"
    write_run(folder, f"{python(program)}kill -STOP 1\nkill -KILL 1\n{ANSWER}")


@hostile(stage="run", on=CONTAINERS)
def killing_of_everything(folder: Path) -> None:
    """All that it can signal is its own."""
    write_run(folder, f"kill -9 -1\n{ANSWER}")


@hostile(stage="run", on=CONTAINERS)
def sight_of_other_processes(folder: Path) -> None:
    """It sees its own processes and no other's."""
    _attempts(
        folder,
        'test "$(ls -d /proc/[0-9]* | wc -l)" -gt 20',
        "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -E '[p]ytest|[d]ockerd|[c]ontainerd'",
        "test -e /proc/1/root/var/lib/docker",
        "echo x >/proc/1/exe",
    )


@hostile(stage="run", on=CONTAINERS)
def sockets_of_the_engine(folder: Path) -> None:
    """Whoever talks to the engine is root on the machine."""
    _attempts(
        folder,
        "find / -xdev -type s -name '*.sock' 2>/dev/null | grep -q .",
        "test -e /var/run/docker.sock -o -e /run/podman/podman.sock -o -e /run/containerd/containerd.sock",
        "grep -q containerd-shim /proc/net/unix",
        "env | grep -q DOCKER_HOST",
    )


@hostile(stage="run", on=CONTAINERS, cheap=True)
def network_while_predicting(folder: Path) -> None:
    """There is nothing but the loopback of its own."""
    targets = [("1.1.1.1", 53), ("8.8.8.8", 443), ("172.17.0.1", 22), ("10.88.0.1", 22), ("169.254.169.254", 80)]
    program = CONNECT.format(targets=repr(targets).replace("'", '"'), breach=BREACH)
    interfaces = refuse("ls /sys/class/net | grep -v -x lo")
    write_run(folder, f"{interfaces}{python(program).rstrip()} || exit {BREACH}\n{ANSWER}")


@hostile("REN002", stage="render", on=CONTAINERS)
def network_while_rendering(folder: Path) -> None:
    """get_prompt cannot ask a better model."""
    write_prompts(folder, get_prompt="import urllib.request\nurllib.request.urlopen('http://1.1.1.1/', timeout=2)")


@hostile(stage="run", on=CONTAINERS)
def raw_sockets(folder: Path) -> None:
    """Neither packets nor the network's settings."""
    program = """
import socket, sys
for family, kind in ((socket.AF_INET, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW)):
    try: socket.socket(family, kind, 1)
    except OSError: continue
    sys.exit(66)
"""
    write_run(folder, f"{python(program).rstrip()} || exit {BREACH}\n{ANSWER}")


@hostile("FET009", stage="fetch", on=CONTAINERS)
def metadata_of_the_cloud(folder: Path) -> None:
    """The address at which clouds hand out a machine's credentials."""
    urls = ("169.254.169.254/latest/meta-data/", "metadata.google.internal/", "[fd00:ec2::254]/")
    write_download(folder, refuse(*(f"curl -gsf -m 3 http://{one}" for one in urls)) + COPY)


@hostile(stage="fetch", on=CONTAINERS)
def services_of_this_machine(folder: Path) -> None:
    """What listens on the machine for itself alone is out of reach while download.sh has network."""
    targets = [(host, port) for host in ("127.0.0.1", "localhost") for port in (22, 2375, 2376, 5432, 6379, 8888)]
    program = CONNECT.format(targets=repr(targets).replace("'", '"'), breach=BREACH)
    write_download(folder, f"{python(program).rstrip()} || exit {BREACH}\n{COPY}")


@hostile(stage="run", on=CONTAINERS, cheap=True)
def references(folder: Path) -> None:
    """The answers are in no file that it can read."""
    _attempts(
        folder,
        f"{SEARCH} reference-that-''nobody / | grep -q .",
        "find / -xdev -name 'priv*.json' -o -name 'answ*.json' -o -name rec*d.json 2>/dev/null | grep -q .",
        "env | grep -q reference-that-''nobody",
    )


@hostile(stage="fetch", on=CONTAINERS)
def test_input_while_there_is_network(folder: Path) -> None:
    """download.sh sees neither input nor references nor base model."""
    # Quotes in the word, so that the search does not find itself.
    search = f"{SEARCH} instruction-''of-row / | grep -q ."
    write_download(folder, refuse(search, "test -e /input -o -e /models") + COPY)


@hostile(stage="run", on=CONTAINERS)
def other_submissions(folder: Path) -> None:
    """Neither run folder nor neighbours can be reached, not by way of its own folder either."""
    _attempts(
        folder,
        "ls -d ../r[0-9]* ../../submissions ../../../neighbours",
        "find / -xdev -path '*other_submission*' 2>/dev/null | grep -q .",
        'test "$(ls -A .. | grep -c r000)" -gt 0',
    )


@hostile(stage="run", on=CONTAINERS, cheap=True)
def base_model_changed(folder: Path) -> None:
    """A base model with a better head would score better, for everybody."""
    _attempts(
        folder,
        'echo x >>"$base/config.json"',
        f'touch "$base/{ESCAPED}"',
        'rm -f "$base/tokenizer.json" && ! test -e "$base/tokenizer.json"',
        'chmod 777 "$base"',
        'mv "$base" "$base.old"',
    )


@hostile(stage="run", on=CONTAINERS)
def admitted_adapter_changed(folder: Path) -> None:
    """What was checked is what is scored."""
    _attempts(
        folder,
        'echo x >>"$adapter/adapter_config.json"',
        'chmod 666 "$adapter/adapter_model.safetensors"',
        'cp run.sh "$adapter/adapter_model.safetensors"',
        f'touch "$adapter/{ESCAPED}"',
    )


@hostile(stage="run", on=CONTAINERS)
def input_changed(folder: Path) -> None:
    """Prompts and predictions are of the same input."""
    _attempts(folder, 'echo "[]" >"$input"', 'rm -f "$input"', f'touch "$(dirname "$input")/{ESCAPED}"')


@hostile(stage="render", on=CONTAINERS)
def submission_changed_while_rendering(folder: Path) -> None:
    """There the submission is read-only, and our program too."""
    attempts = (
        "import sys\n"
        "for path in (sys.argv[0], __file__, '/submission/run.sh', sys.argv[2]):\n"
        "    try:\n        open(path, 'a').write('x')\n"
        "    except OSError:\n        continue\n"
        "    raise SystemExit(66)\n"
    )
    write_prompts(folder, top=attempts)


@hostile(stage="run")
def secrets_in_the_environment(folder: Path) -> None:
    """What stands in the grader's environment is not passed on."""
    _attempts(
        folder, *(f"{command} | grep -q {SECRET}" for command in ("env", "cat /proc/self/environ /proc/$PPID/environ"))
    )


@hostile(stage="run", cheap=True)
def descriptors_left_open(folder: Path) -> None:
    """A descriptor of the grader's leads out of any container."""
    program = """
import os, sys
found = {}
for name in os.listdir("/proc/self/fd"):
    try: found[name] = os.readlink("/proc/self/fd/" + name)
    except OSError: continue
extra = {name: path for name, path in found.items() if int(name) > 2}
if extra: print(extra, file=sys.stderr); sys.exit(66)
"""
    write_run(folder, f"{python(program).rstrip()} || exit {BREACH}\n{ANSWER}")


@hostile(stage="run")
def typing_on_the_terminal(folder: Path) -> None:
    """It has no terminal on which it could type commands for the grader."""
    program = """
import fcntl, sys, termios
for stream in (0, 1, 2):
    try: fcntl.ioctl(stream, termios.TIOCSTI, b"x")
    except OSError: continue
    sys.exit(66)
"""
    write_run(folder, refuse("echo x >/dev/tty") + f"{python(program).rstrip()} || exit {BREACH}\n{ANSWER}")


@hostile(stage="run", on=CONTAINERS)
def limits_raised(folder: Path) -> None:
    """Neither the size of a file nor core dumps."""
    _attempts(folder, "ulimit -H -f unlimited", "ulimit -c unlimited && test $(ulimit -c) != 0")
