"""What a job reaches through its proxy, by the tools that students use, and what is left when the proxy fails."""

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from harness.errors import CommandNotFound, SandboxFault
from harness.sandbox.cause import Cause
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.interface import Ended, Job
from harness.sandbox.owner import JOB_LABEL, OWNER_LABEL, this_owner

from .origin import Origin, origin

pytestmark = pytest.mark.docker
MakeJob = Callable[..., Job]

TOOLS = {
    "curl": "curl -fsS --cacert $CA $HTTPS/file -o curl.got",
    "curl goes on": "head -c 10 /ca/file > part.got; curl -fsS --cacert $CA -C - $HTTPS/file -o part.got",
    "wget": "wget -q --ca-certificate=$CA $HTTPS/file -O wget.got",
    "wget http": "wget -q $HTTP/file -O http.got",
    "urllib": "python3 -c 'import urllib.request as u, sys; u.urlretrieve(sys.argv[1], \"urllib.got\")' $HTTPS/file",
    "gdown": "gdown -q $HTTPS/file -O gdown.got",
    "requests": "python3 -c 'import requests, sys; sys.stdout.write(requests.get(sys.argv[1]).text)' $HTTPS/file "
    "> requests.got",
    "huggingface_hub": "HF_ENDPOINT=$HTTPS python3 -c 'import huggingface_hub as h, shutil; "
    'shutil.copy(h.hf_hub_download("owner/name", "file"), "hub.got")\'',
    "git": "git -c http.sslCAInfo=$CA clone -q $HTTPS/repository.git clone && cp clone/file git.got",
    "pip": "pip download -q --retries 0 --no-deps --cert $CA --index-url $HTTPS/simple -d . thing==1.0 && "
    "unzip -p thing-1.0-py3-none-any.whl thing/file > pip.got",
}


@pytest.fixture(scope="module")
def site(sandbox_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """Give a server of this machine that jobs can be let to."""
    folder = tmp_path_factory.mktemp("site") / "www"
    folder.mkdir()
    _fill(folder)
    with contextlib.closing(DockerSandbox(sandbox_image)) as sandbox, origin(sandbox.host_address(), folder) as found:
        yield found


def _fill(folder: Path) -> None:
    (folder / "file").write_text("the adapter\n" * 1000)
    hub = folder / "owner" / "name" / "resolve" / "main"
    hub.mkdir(parents=True)
    (hub / "file").write_bytes((folder / "file").read_bytes())
    work = folder / "work"
    for words in (["init", "-q", str(work)], ["-C", str(work), "add", "file"], ["-C", str(work), *_COMMIT]):
        if work.exists():
            (work / "file").write_bytes((folder / "file").read_bytes())
        subprocess.run(["git", *words], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(folder / "repository.git")], check=True)
    subprocess.run(["git", "-C", str(folder / "repository.git"), "update-server-info"], check=True)
    _write_wheel(folder / "simple" / "thing", (folder / "file").read_text())


_COMMIT = ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "first"]


def _write_wheel(folder: Path, content: str) -> None:
    folder.mkdir(parents=True)
    name = "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        wheel.writestr("thing/file", content)
        wheel.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        wheel.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("thing-1.0.dist-info/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{name}">{name}</a>')


@pytest.fixture
def reach(sandbox: DockerSandbox, make_job: MakeJob, site: Origin) -> Callable[..., tuple[Ended, Job]]:
    """Give a function that runs a script with the site's hosts; $HTTP and $HTTPS are its URLs, $CA its certificate."""

    def run(script: str, *, hosts: tuple[str, ...] | None = None, **changes: object) -> tuple[Ended, Job]:
        told = f"HTTP=http://{site.http} HTTPS=https://{site.https} CA=/work/ca.pem\n"
        told += "export SSL_CERT_FILE=$CA REQUESTS_CA_BUNDLE=$CA\n"
        job = make_job(told + script, hosts=(site.http, site.https) if hosts is None else hosts, **changes)
        job.workdir.source.mkdir(exist_ok=True)
        for name in ("ca.pem", "file"):
            (job.workdir.source / name).write_bytes((site.folder / name).read_bytes())
        return sandbox.run(job), job

    return run


Reach = Callable[..., tuple[Ended, Job]]


def said(job: Job) -> str:
    return job.stdout_path.read_text() + job.stderr_path.read_text()


def test_the_tools_of_students_get_files(reach: Reach, site: Origin) -> None:
    lines = [f"({script.replace('/ca/', '/work/')}) || echo '{name} failed'" for name, script in TOOLS.items()]
    ended, job = reach("\n".join(lines), memory_bytes=1 << 30, timeout_s=90.0)
    assert "failed" not in said(job), said(job)
    assert (ended.cause, ended.exit_code, ended.refused_hosts) == (Cause.EXITED, 0, ())
    got = {path.name: path.read_bytes() for path in job.workdir.source.glob("*.got")}
    assert len(got) == len(TOOLS)
    assert set(got.values()) == {(site.folder / "file").read_bytes()}


def test_every_tool_is_refused_another_host_and_the_host_is_named(reach: Reach, site: Origin) -> None:
    scripts = [script.replace("/ca/", "/work/") for script in TOOLS.values()]
    ended, job = reach("\n".join(f"({one}) || echo refused" for one in scripts), hosts=("files.example",))
    assert said(job).count("refused\n") >= len(TOOLS) - 1  # requests takes the answer 403 for a file
    assert set(ended.refused_hosts) == {site.http, site.https}
    assert "TCP_DENIED/403" in (job.log_dir / "job.proxy.log").read_text()


def test_a_redirect_to_another_host_is_refused_and_named(reach: Reach) -> None:
    ended, _ = reach("curl -fsSL $HTTP/as/redirect/https://elsewhere.example/file; true")
    assert ended.refused_hosts == ("elsewhere.example:443",)


@pytest.mark.slow
def test_answers_come_through_unchanged(reach: Reach) -> None:
    script = """
    for code in 404 429 500 503; do curl -sS -D - $HTTP/as/status/$code | tr -d '\\r' | grep -E 'HTTP|Retry|this'; done
    curl -sS $HTTP/as/chunked/3; echo; curl -sS -r 4000- $HTTP/file | wc -c; curl -sS $HTTP/as/slow/1
    curl -sS $HTTP/as/headers
    """
    _, job = reach(script)
    shown = said(job)
    for code in (404, 429, 500, 503):
        assert f"HTTP/1.1 {code}" in shown and f"this is {code}\n" in shown
    assert shown.count("Retry-After: 7") == 4
    assert "part 00part 01part 02\n8000\nat last\n" in shown
    assert "Via:" not in shown and "X-Forwarded-For" not in shown


def test_a_server_that_never_ends_is_ended_by_the_deadline(reach: Reach) -> None:
    ended, job = reach("curl -sSN $HTTP/as/endless; echo not reached", timeout_s=2.0)
    assert (ended.cause, ended.duration_s < 4) == (Cause.DEADLINE, True)
    assert "more\n" in said(job) and "not reached" not in said(job)


@pytest.mark.slow
def test_a_hundred_connections_at_once(reach: Reach) -> None:
    script = "for i in $(seq 100); do curl -sS -o /dev/null -w '%{http_code}\\n' $HTTP/as/slow/1 & done; wait"
    ended, job = reach(script, pids=400)
    assert said(job) == "200\n" * 100
    assert ended.duration_s < 15


@pytest.mark.slow
def test_a_large_file(reach: Reach) -> None:
    script = "curl -sS $HTTP/as/megabytes/200 | wc -c; curl -sS --cacert $CA $HTTPS/as/megabytes/50 | wc -c"
    assert said(reach(script)[1]).split() == [str(200 << 20), str(50 << 20)]


def test_only_the_loopback_interface_is_there(reach: Reach, site: Origin) -> None:
    host, port = site.http.split(":")
    script = (
        f"ls /sys/class/net; cat /etc/resolv.conf; (echo > /dev/tcp/{host}/{port}) 2>&1; getent hosts files.example"
    )
    ended, job = reach(script)
    assert said(job).splitlines()[0] == "lo"
    assert "Network is unreachable" in said(job)
    assert ended.exit_code == 2
    assert ended.refused_hosts == ()


def test_one_listed_port_opens_no_other(reach: Reach, site: Origin) -> None:
    ended, _ = reach("curl -s $HTTP/file > /dev/null; curl -s --cacert $CA $HTTPS/file", hosts=(site.http,))
    assert ended.refused_hosts == (site.https,)
    address = site.http.partition(":")[0]
    ended, _ = reach("curl -s $HTTP/file", hosts=(address,))  # without a port: 80 and 443 alone
    assert ended.refused_hosts == (site.http,)


def test_a_private_address_is_refused_where_every_public_host_is_allowed(reach: Reach, site: Origin) -> None:
    ended, _ = reach("curl -s $HTTP/file; curl -s http://169.254.169.254/latest/meta-data", hosts=("*",))
    assert ended.refused_hosts == (site.http, "169.254.169.254:80")


def test_a_network_is_allowed_by_its_own_entry(reach: Reach, site: Origin) -> None:
    address, port = site.http.split(":")
    network = ".".join([*address.split(".")[:2], "0.0/16"])
    ended, job = reach("curl -s $HTTP/file | head -1", hosts=(f"{network}:{port}",))
    assert (said(job), ended.refused_hosts) == ("the adapter\n", ())


@pytest.mark.parametrize(("script", "exit_code"), [("exit 125", 125), ("exit 127", 127), ("exit 1", 1), ("true", 0)])
def test_the_exit_code_is_the_programs(reach: Reach, script: str, exit_code: int) -> None:
    ended, _ = reach(script)
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, exit_code)


@pytest.mark.parametrize("program", ["no-such-program-here", "/etc/passwd", "/usr"])
def test_a_missing_program_is_named(sandbox: DockerSandbox, make_job: MakeJob, program: str) -> None:
    with pytest.raises(CommandNotFound, match=f"image has no program `{program}`"):
        sandbox.run(make_job(argv=(program, "x"), hosts=("files.example",)))


def test_standard_input_and_environment_arrive(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    job = make_job(
        # A pipe would count: its parts are bash until they become what they run.
        "cat; echo; echo $https_proxy $HTTP_PROXY $GIVEN; jobs; ps -e -o ppid= -o comm= >seen; grep -c ' bash' seen",
        hosts=("files.example",),
        stdin=b"given",
        environment={"GIVEN": "yes", "https_proxy": "http://other"},
    )
    sandbox.run(job)
    assert said(job) == "given\nhttp://other http://127.0.0.1:3128 yes\n2\n"


def _running(client: docker.DockerClient, job: str) -> list[str]:
    labels = [f"{OWNER_LABEL}={this_owner()}", f"{JOB_LABEL}={job}"]
    return [str(one["Names"][0]).lstrip("/") for one in client.api.containers(filters={"label": labels})]


def _ours(client: docker.DockerClient) -> list[str]:
    return [one["Id"] for one in client.api.containers(all=True, filters={"label": f"{OWNER_LABEL}={this_owner()}"})]


@contextlib.contextmanager
def meanwhile(client: docker.DockerClient, act: Callable[[str], object]) -> Iterator[None]:
    """Do something to the proxy while the block runs a job that lasts a second or more."""

    def run() -> None:
        until = time.monotonic() + 20
        while not _running(client, "job") and time.monotonic() < until:
            time.sleep(0.02)
        act(_running(client, "job.proxy")[0])

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()


@pytest.mark.slow
def test_the_proxy_is_confined_and_labelled(client: docker.DockerClient, reach: Reach) -> None:
    seen: list[tuple[dict[str, Any], str]] = []

    def look(name: str) -> None:
        script = "cat /proc/1/status /proc/mounts; touch /x 2>&1"
        printed = client.containers.get(name).exec_run(["sh", "-c", script]).output.decode()
        seen.append((client.api.inspect_container(name), printed))

    with meanwhile(client, look):
        reach("sleep 1.5")
    (found, printed), *_ = seen
    for line in ("CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        assert line in printed
    assert "Read-only file system" in printed
    assert (found["HostConfig"]["Memory"], found["HostConfig"]["PidsLimit"]) == (256 << 20, 256)
    assert {one["Destination"] for one in found["Mounts"] if one["Type"] == "bind"} == {"/proxy", "/own"}
    assert _ours(client) == []


def test_a_proxy_that_dies_is_our_fault(client: docker.DockerClient, reach: Reach) -> None:
    with (
        meanwhile(client, lambda name: client.api.kill(name)),
        pytest.raises(SandboxFault, match="proxy of job job ended before its job did") as caught,
    ):
        reach("sleep 2; curl -sS $HTTP/file; exit 3")
    assert "harness image build" in caught.value.remedy
    assert _ours(client) == []


@pytest.mark.slow
def test_a_proxy_whose_squid_is_killed_goes_on(client: docker.DockerClient, reach: Reach, site: Origin) -> None:
    def kill(name: str) -> None:
        subprocess.run(["docker", "exec", name, "pkill", "-9", "squid"], check=True)

    with meanwhile(client, kill):
        ended, job = reach("sleep 2; curl -fsS $HTTP/file | md5sum")
    assert (ended.exit_code, said(job).split()[0]) == (0, hashlib.md5((site.folder / "file").read_bytes()).hexdigest())


def test_an_image_without_a_proxy_is_our_fault(client: docker.DockerClient, make_job: MakeJob) -> None:
    base = "lora-harness-base:bookworm"
    if not client.images.list(base):
        pytest.skip(f"the engine has no image {base}")
    with (
        contextlib.closing(DockerSandbox(base)) as sandbox,
        pytest.raises(SandboxFault, match=r"proxy of job job did not start\. It said: .*squid: command not found"),
    ):
        sandbox.run(make_job("true", hosts=("files.example",)))
    assert _ours(client) == []


@pytest.mark.slow
def test_an_interrupt_leaves_neither_container_nor_folder(
    client: docker.DockerClient, reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    found: list[list[str]] = []

    def interrupt(_: str) -> None:
        found.append([one.name for one in tmp_path.glob("lora-harness_*")])
        os.kill(os.getpid(), signal.SIGINT)

    with meanwhile(client, interrupt), pytest.raises(KeyboardInterrupt):
        reach("sleep 60")
    assert len(found[0]) == 1
    assert _ours(client) == []
    assert not list(tmp_path.glob("lora-harness_*"))


KILLED = """
import sys
from pathlib import Path
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.interface import Job, Limits, Mount
work = Mount(source=Path(sys.argv[2]), target="/work", writable=True)
limits = Limits(timeout_s=60, memory_bytes=1 << 28, disk_bytes=1 << 20, output_bytes=1000, cpus=1, pids=64)
DockerSandbox(sys.argv[1]).run(Job(name="killed", argv=("bash", "-c", "touch begun; sleep 60"), mounts=(work,),
    workdir=work, limits=limits, log_dir=work.source, hosts=("files.example",)))
"""


def test_what_a_killed_harness_left_is_gone_at_the_next_start(
    client: docker.DockerClient, sandbox_image: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    work = tmp_path / "work"
    harness = subprocess.Popen([sys.executable, "-c", KILLED, sandbox_image, str(work)], cwd=root)
    until = time.monotonic() + 20
    while not (work / "begun").exists() and time.monotonic() < until:
        time.sleep(0.05)
    harness.kill()
    harness.wait()

    def left() -> list[int]:
        labels = (f"{JOB_LABEL}=killed", f"{JOB_LABEL}=killed.proxy")
        return [len(client.api.containers(all=True, filters={"label": one})) for one in labels]

    assert left() == [1, 1]
    assert list(temporary.iterdir())
    DockerSandbox(sandbox_image).close()
    assert left() == [0, 0]
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_neighbours_do_not_meet(client: docker.DockerClient, sandbox: DockerSandbox, make_job: MakeJob) -> None:
    """The proxies share a network; each listens on its own loopback address alone."""
    open_ports: list[str] = []

    def look(name: str) -> None:
        networks = client.api.inspect_container(name)["NetworkSettings"]["Networks"]
        address = next(iter(networks.values()))["IPAddress"]
        for port in (3128, 80, 443):
            with contextlib.suppress(OSError), socket.create_connection((address, port), 0.5):
                open_ports.append(f"{address}:{port}")

    with meanwhile(client, look):
        sandbox.run(make_job("sleep 2", hosts=("files.example",)))
    assert open_ports == []
