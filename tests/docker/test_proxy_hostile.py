"""The invariant: whatever a program sends to its proxy, it reaches what is listed and nothing else.

The proxy runs in a container without network, beside a name server and an HTTP server of the test's own. The loopback
network is private for the proxy; half of it is taken for public here, so that there is a server that may be reached.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from harness.sandbox.cause import Cause
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.engine import describe
from harness.sandbox.interface import Job, Mount
from harness.sandbox.proxy.config import squid_conf
from harness.sandbox.proxy.log import MOST_CHARACTERS, MOST_HOSTS, refused_hosts, unreached_hosts
from harness.sandbox.proxy.running import MAX_LOG_BYTES
from harness.text import visible

pytestmark = pytest.mark.docker
MakeJob = Callable[..., Job]
PUBLIC = "127.128.0.1"
NAMES = {
    "good.example": [[PUBLIC]],
    "sub.good.example": [[PUBLIC]],
    "evil.example": [[PUBLIC]],
    "good.example.evil.example": [[PUBLIC]],
    "notgood.example": [[PUBLIC]],
    "home.example": [["127.0.0.1"]],
    "metadata.example": [["169.254.169.254"]],
    "both.example": [[PUBLIC, "127.0.0.1"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "six.example": [["::1"]],
    "changing.example": [[PUBLIC], ["127.0.0.1"]],
    "sandbox": [["127.0.0.1"]],
    "localhost": [["127.0.0.1"]],
    "away.example": [["8.8.8.8"]],
}


@pytest.fixture
def ask(client: docker.DockerClient, sandbox: DockerSandbox, make_job: MakeJob) -> Callable[..., dict[str, Any]]:
    """Give a function (requests, hosts) -> answers and log."""
    if "Podman" in describe(client):
        pytest.skip("the name server needs port 53, which Podman gives to no program without privileges")

    def run(requests: list[str], hosts: list[str]) -> dict[str, Any]:
        conf = squid_conf(hosts)
        assert "127.0.0.0/8" in conf
        conf = conf.replace("127.0.0.0/8", "127.0.0.0/9") + "dns_nameservers 127.0.0.1\n"
        job = make_job(
            argv=("python3", "/test/proxy_inside.py"),
            stdin=json.dumps({"conf": conf, "names": NAMES, "requests": requests}).encode(),
        )
        folder = Mount(source=Path(__file__).parent, target="/test")
        job = replace(job, mounts=(*job.mounts, folder))
        sandbox.run(job)
        found: dict[str, Any] = json.loads(job.stdout_path.read_text())
        return found

    return run


Ask = Callable[..., dict[str, Any]]


def get(url: str, *headers: str) -> str:
    return "\r\n".join([f"GET {url} HTTP/1.1", *headers, "Connection: close", "", ""])


def connect(place: str) -> str:
    return f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n"


LET_THROUGH = [
    get("http://good.example/"),
    get("http://GOOD.example:80/"),
    get("http://good.example./"),
    get("http://user:password@good.example/"),
    get("http://good.example/", "Host: evil.example"),
    get("http://good.example/../x"),
]
REFUSED = {
    "another host": get("http://evil.example/"),
    "another host behind an allowed Host": get("http://evil.example/", "Host: good.example"),
    "user that looks like the host": get("http://good.example@evil.example/"),
    "user and port that look like the host": get("http://good.example:80@evil.example:80/"),
    "longer name": get("http://good.example.evil.example/"),
    "ends alike": get("http://notgood.example/"),
    "below a name": get("http://sub.good.example/"),
    "another port": get("http://good.example:3128/"),
    "HTTPS without tunnel": get("https://good.example/"),
    "FTP": get("ftp://good.example/"),
    "tunnel to port 80": connect("good.example:80"),
    "tunnel to port 22": connect("good.example:22"),
    "tunnel to another host": connect("evil.example:443"),
    "address of an allowed host": get(f"http://{PUBLIC}/"),
    "loopback": get("http://127.0.0.1/"),
    "loopback in decimal": get("http://2130706433/"),
    "loopback in octal": get("http://0177.0.0.1/"),
    "loopback in hexadecimal": get("http://0x7f.1/"),
    "short loopback": get("http://127.1/"),
    "no address": get("http://0/"),
    "tunnel to loopback": connect("127.0.0.1:443"),
    "manager": get("cache_object://127.0.0.1/info"),
    "manager by URL": get("http://127.0.0.1:3128/squid-internal-mgr/info"),
    "manager at the proxy's name": get("http://proxy.invalid/squid-internal-mgr/info"),
    "manager at an allowed host": get("http://good.example/squid-internal-mgr/info"),
    "name of the container": get("http://sandbox/"),
    "localhost": get("http://localhost/"),
    "a very long name": get(f"http://{'a' * 60 + '.'}{'b' * 60}.{'c' * 60}.{'d' * 60}.example/"),
}
# Names that anybody can point to an address, and addresses, where every public host is allowed.
PRIVATE = {
    "name of loopback": get("http://home.example/"),
    "name of the metadata service": get("http://metadata.example/"),
    "name with a public and a private address": get("http://both.example/"),
    "loopback": get("http://127.0.0.1/"),
    "loopback in decimal": get("http://2130706433/"),
    "metadata service": get("http://169.254.169.254/"),
    "tunnel to loopback": connect("127.0.0.1:443"),
    "tunnel to a name of loopback": connect("home.example:443"),
    "another port": get("http://good.example:22/"),
}


def test_what_is_listed_is_reached(ask: Ask) -> None:
    answers = ask(LET_THROUGH, ["good.example"])["answers"]
    # The server hears the host of the URL, whatever the Host header said.
    assert [(status[9:12], heard) for status, heard in answers] == [("200", " as good.example")] * len(LET_THROUGH)


@pytest.mark.parametrize(("hosts", "requests"), [(["good.example"], REFUSED), (["*"], PRIVATE)], ids=["listed", "any"])
def test_nothing_else_is_reached(ask: Ask, hosts: list[str], requests: dict[str, str]) -> None:
    found = ask(list(requests.values()), hosts)
    got = dict(zip(requests, found["answers"], strict=True))
    assert {name: answer for name, answer in got.items() if answer[0][9:12] != "403" or answer[1]} == {}
    assert len(refused_hosts(found["log"].splitlines())) >= 7


def test_names_of_private_ipv6_addresses_are_not_reached(ask: Ask) -> None:
    """502 where the engine gives containers no IPv6: the proxy then does not look for such addresses."""
    answers = ask([get("http://six.example/"), get("http://mapped.example/")], ["*"])["answers"]
    assert [heard for _, heard in answers] == ["", ""]
    assert {status[9:12] for status, _ in answers} <= {"403", "502"}


def test_a_domain_is_itself_and_all_below(ask: Ask) -> None:
    requests = [get(f"http://{name}/") for name in ("good.example", "sub.good.example", "notgood.example")]
    statuses = [status[9:12] for status, _ in ask(requests, [".good.example"])["answers"]]
    assert statuses == ["200", "200", "403"]


def test_a_name_that_changes_its_address_is_resolved_once(ask: Ask) -> None:
    """DNS rebinding with a time to live of 0 seconds: what was looked at is what is connected to."""
    found = ask([get("http://changing.example/")] * 20, ["*"])
    assert {heard for _, heard in found["answers"]} == {" as changing.example"}


def test_a_listed_private_network_is_open_and_its_neighbour_is_not(ask: Ask) -> None:
    requests = [get("http://10.1.2.3:81/"), get("http://10.1.2.4:81/"), get("http://10.1.2.3/")]
    statuses = [status[9:12] for status, _ in ask(requests, ["10.1.2.3:81"])["answers"]]
    assert statuses == ["503", "403", "403"]  # 503: nobody is there


def test_garbage_and_forged_lines_stay_in_their_line(ask: Ask) -> None:
    requests = [
        "\x16\x03\x01\x02\x00\x01garbage\r\n\r\n",
        "GET\r\n\r\n",
        get("http://\x1b[31mred.example/"),
        get("http://a.example%0d%0a1.0 0 TCP_DENIED/403 1 GET forged.example 80/"),
        get("http://b.example/%0d%0a1.0%200%20TCP_DENIED/403%201%20GET%20forged.example%2080"),
        "CONNECT c d e.example:443 HTTP/1.1\r\n\r\n",
        "GET http://f.example/ HTTP/1.1\rX: y\r\n\r\n",
        get("http://\xe2\x80\xaeg.example/"),
        get(f"http://{'h' * 70_000}.example/"),
        get("http://good.example/"),
    ]
    found = ask(requests, ["good.example"])
    assert found["answers"][-1][1] == " as good.example"
    named = refused_hosts(found["log"].splitlines())
    assert "forged.example:80" not in named
    assert "b.example:80" in named
    assert all(one.isascii() and one == visible(one) for one in named)
    assert "\x1b" not in found["log"]


FLOOD = """
import socket, threading, time
end = time.time() + 3
def many(text):
    while time.time() < end:
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout(1)
                one.connect("/proxy/socket")
                for _ in range(50):
                    one.sendall(text)
                    one.recv(65536)
        except OSError:
            pass
texts = [b"GET http://flood%d.example/" + b"x" * 2000 + b" HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n",
         b"GET http://[::1]/ HTTP/1.1\\r\\n\\r\\n", b"x" * 1000000, b"GET / HTTP/1.1\\r\\n" + b"A: b\\r\\n" * 100000]
threads = [threading.Thread(target=many, args=[texts[i % 4].replace(b"%d", b"%d" % i)]) for i in range(48)]
[one.start() for one in threads]; [one.join() for one in threads]
"""
IDLE = """
import socket, time
kept = []
for _ in range(1500):
    one = socket.socket(socket.AF_UNIX); one.settimeout(0.05); kept.append(one)
    try:
        one.connect("/proxy/socket"); one.sendall(b"GET http://idle.example/ HTTP/1.1\\r\\n")
    except OSError:
        pass
print(len(kept))
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", [FLOOD, IDLE], ids=["flood", "idle"])
def test_a_flooded_proxy_is_nobodys_fault_and_its_log_stays_small(
    sandbox: DockerSandbox, make_job: MakeJob, script: str
) -> None:
    ended = sandbox.run(job := make_job(argv=("python3", "-c", script), hosts=("good.example",), pids=200))
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, 0), job.stderr_path.read_text()
    assert len(ended.refused_hosts) <= MOST_HOSTS
    assert all(len(one) <= MOST_CHARACTERS + 6 for one in ended.refused_hosts)
    assert (job.log_dir / "job.proxy.log").stat().st_size <= MAX_LOG_BYTES


STALL = """
import socket, sys, threading
kept = []
def stall():
    one = socket.socket(socket.AF_UNIX); one.settimeout(2)
    try:
        one.connect("/proxy/socket"); one.sendall(f"CONNECT {sys.argv[1]} HTTP/1.1\\r\\n\\r\\n".encode())
        if one.recv(12) == b"HTTP/1.1 200": kept.append(one)
        while True: one.sendall(b"x" * 65536)
    except OSError:
        pass
threads = [threading.Thread(target=stall) for _ in range(150)]
[one.start() for one in threads]; [one.join() for one in threads]
print(len(kept))
"""


@contextlib.contextmanager
def deaf_server(address: str) -> Iterator[str]:
    """Give ``ADDRESS:PORT`` of a server that accepts and never reads."""
    with socket.create_server((address, 0), backlog=512) as server, contextlib.ExitStack() as kept:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.enter_context(server.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"{address}:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.slow
def test_stalled_tunnels_are_nobodys_fault_and_cost_no_time(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    """Every place at the job's own socket is taken by a tunnel whose other end never reads."""
    with deaf_server(sandbox.host_address()) as place:
        job = make_job(argv=("python3", "-c", STALL, place), hosts=(place,), pids=400, memory_bytes=1 << 30)
        began = time.monotonic()
        ended = sandbox.run(job)
        extra_s = time.monotonic() - began - ended.duration_s
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, 0), job.stderr_path.read_text()
    assert job.stdout_path.read_text() == "128\n"
    assert ended.refused_hosts == ended.unreached_hosts == ()
    assert extra_s < 5


def test_what_the_proxy_cannot_reach_is_named_and_what_answers_badly_is_not(ask: Ask) -> None:
    """A name without an address, one without a route, and a closed port; then what a program can bring about itself."""
    names = ("nosuch.example", "away.example", "evil.example")
    found = ask([connect(f"{one}:443") for one in names], ["*"])
    assert {status[9:12] for status, _ in found["answers"]} <= {"500", "503"}, found
    assert unreached_hosts(found["log"].splitlines()) == tuple(f"{one}:443" for one in names)
    own = [
        connect("evil.example:443").replace("HTTP/1.1", "HTTP/2.0"),
        connect("evil.example:443").replace("\r\nHost", "\r\nExpect: x\r\nHost"),
        connect("evil.example:22"),
        get("http://good.example/", "Content-Length: 100"),
        get("http://nosuch.example/"),
    ]
    assert unreached_hosts(ask(own, ["*"])["log"].splitlines()) == ()


def test_a_host_that_was_reached_before_is_not_named(ask: Ask) -> None:
    found = ask([get("http://good.example/"), connect("GOOD.example.:443")], ["good.example"])
    assert [status[9:12] for status, _ in found["answers"]] == ["200", "503"]
    assert unreached_hosts(found["log"].splitlines()) == ()


def test_the_job_is_told_with_what_was_out_of_reach(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    ended = sandbox.run(make_job("curl -sS https://nothing.invalid/; exit 3", hosts=("nothing.invalid",)))
    assert (ended.exit_code, ended.refused_hosts, ended.unreached_hosts) == (3, (), ("nothing.invalid:443",))


def test_the_socket_is_no_way_around_the_rules(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    script = "curl -s --unix-socket /proxy/socket http://direct.example/ > /dev/null; rm -f /proxy/socket; ls /proxy"
    ended = sandbox.run(job := make_job(script, hosts=("good.example",)))
    assert job.stdout_path.read_text() == "socket\n"
    assert ended.refused_hosts == ()  # without the form of a proxy request there is no host: 400


@pytest.mark.parametrize(("signal", "exit_code"), [("STOP", 28), ("KILL", 0)])
def test_a_program_that_stops_its_own_way_out_harms_itself(
    sandbox: DockerSandbox, make_job: MakeJob, signal: str, exit_code: int
) -> None:
    script = f"pkill -{signal} socat; sleep 0.5; curl -sS -m 1 http://other.example/ > /dev/null"
    ended = sandbox.run(make_job(script, hosts=("a.example",)))
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, exit_code)  # a killed one is started again
