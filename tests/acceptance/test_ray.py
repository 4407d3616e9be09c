"""A class on a Ray cluster of several nodes on this machine: the same records as here, whatever dies in the middle."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest

pytest.importorskip("ray", reason="needs the extra [ray]")

from benchmarks.kills import records
from benchmarks.ray_cluster import ROOT, RayCluster, ray_nodes
from benchmarks.simulated import make_class
from harness.sandbox.owner import JOB_LABEL, OWNER_LABEL

pytestmark = [pytest.mark.slow, pytest.mark.torch]
WAIT = "#!/usr/bin/env bash\ntrap '' TERM INT\nsleep 1000\n"
PROCESS = ["--sandbox", "process", "--i-trust-this-code"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_nodes(2, 2) as nodes:
        yield nodes


@pytest.fixture
def handed_in(root: Path, made: tuple[Path, Path], tmp_path: Path) -> Callable[[int], list[Path]]:
    """Give a function that makes a class of so many."""

    def make(students: int) -> list[Path]:
        if (tmp_path / "handed-in").exists():
            return sorted((tmp_path / "handed-in").iterdir())
        adapter = tmp_path / "unpacked"
        shutil.unpack_archive(made[1], adapter)
        return list(make_class(tmp_path / "handed-in", adapter / "adapter_checkpoint", students=students, root=root))

    return make


@pytest.fixture
def words(assignment: Path, base: Path, root: Path) -> Callable[..., list[str]]:
    """Give a function (sources, run folder, more words) -> the command that grades them."""

    def make(sources: list[Path] | list[str], run: Path, *more: str) -> list[str]:
        command = [sys.executable, "-m", "harness", "grade", *map(str, sources), "--assignment", str(assignment)]
        command += ["--base-model", str(base), "--output", str(run), "--image-lock", str(root / "image.lock")]
        return [*command, *more]

    return make


def on(cluster: RayCluster) -> list[str]:
    return ["--engine", "ray", "--address", cluster.address]


def grade(words: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=300, env=environment)


def start(words: list[str], root: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(run: Path, event: str) -> list[dict[str, Any]]:
    path = run / "log.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [one for one in found if one["event"] == event]


def wait_until(what: Callable[[], object], *, why: str, timeout_s: float = 90.0) -> None:
    give_up = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < give_up, f"not within {timeout_s:.0f} s: {why}"
        time.sleep(0.1)


def of_cluster(cluster: RayCluster, job: str = "") -> list[str]:
    """Name the containers of a job, or of any, that see a folder of the cluster's nodes."""
    with contextlib.closing(docker.from_env()) as client:
        found = client.api.containers(all=True, filters={"label": [f"{JOB_LABEL}={job}" if job else JOB_LABEL]})
    return [
        one["Names"][0]
        for one in found
        if any(mount["Source"].startswith(str(cluster.folder)) for mount in one["Mounts"])
    ]


def owners(names: list[str]) -> list[int]:
    """Give the processes that made these containers."""
    with contextlib.closing(docker.from_env()) as client:
        labels = [client.api.inspect_container(name)["Config"]["Labels"] for name in names]
    return [int(one[OWNER_LABEL].partition(":")[0]) for one in labels]


def without_prompts(source: Path) -> None:
    """Nothing is rendered or scored then, which saves loading torch on each node."""
    (source / "submission" / "utils.py").unlink()


def test_the_same_records_as_here(
    cluster: RayCluster,
    handed_in: Callable[[int], list[Path]],
    words: Callable[..., list[str]],
    root: Path,
    tmp_path: Path,
) -> None:
    plain, zipped, unscored, linked, in_git = handed_in(5)
    archive = shutil.make_archive(str(zipped), "zip", zipped)
    without_prompts(unscored)
    (linked / "away").symlink_to("/etc/passwd")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=in_git, check=True)
    sources = [str(plain), archive, str(unscored), str(linked), f"file://{in_git}#main"]
    here = grade(words(sources, tmp_path / "here", *PROCESS), root)
    own = ["--downloads", str(tmp_path / "own")]  # what was recorded here must not spare the nodes the work
    there = grade(words(sources, tmp_path / "there", *PROCESS, *on(cluster), *own), root)
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    seen = records(tmp_path / "there")
    assert seen == records(tmp_path / "here")
    assert Counter(one["outcome"] for one in seen.values()) == {"passed": 3, "failed": 2}
    assert sorted(one.name for one in (tmp_path / "there").iterdir()) == [
        "grades.csv",
        "lock",
        "log.jsonl",
        "run.json",
        "submissions",
    ]
    assert len({one["node"] for one in told(tmp_path / "there", "Placed")}) == 2
    stages = Counter((one["submission"], one["stage"]) for one in told(tmp_path / "there", "StageEnded"))
    assert len(stages) == 40 and set(stages.values()) == {1}
    assert there.stderr.count(": ready; 2 cores, no GPU, ") == 2
    assert "raylet" not in there.stdout + there.stderr
    again = grade([*words([], tmp_path / "there")[:4], "--resume", str(tmp_path / "there"), *on(cluster)], root)
    assert again.returncode == 0 and "0 to grade, 5 graded before" in again.stderr


def test_no_node_can_grade(
    cluster: RayCluster,
    handed_in: Callable[[int], list[Path]],
    words: Callable[..., list[str]],
    root: Path,
    tmp_path: Path,
) -> None:
    lock = json.loads((root / "image.lock").read_text())
    other = tmp_path / "other.lock"
    other.write_text(json.dumps({**lock, "image_id": "sha256:" + "0" * 64}))
    began = time.monotonic()
    done = grade(
        [*words(handed_in(2), tmp_path / "run", "--sandbox", "docker"), *on(cluster), "--image-lock", str(other)], root
    )
    assert done.returncode == 4
    assert "No node of the cluster can grade. " in done.stderr
    assert done.stderr.count("image") >= 2 and "--resume" in done.stderr
    assert time.monotonic() - began < 60
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has a GPU")
def test_a_gpu_that_ray_has_and_the_node_has_not(
    cluster: RayCluster,
    handed_in: Callable[[int], list[Path]],
    words: Callable[..., list[str]],
    root: Path,
    tmp_path: Path,
) -> None:
    node = cluster.add(gpus=1)
    done = grade([*words(handed_in(2), tmp_path / "run", *PROCESS), *on(cluster), "--gpu", "auto"], root)
    node.stop()
    cluster.nodes.remove(node)
    assert done.returncode == 4
    assert done.stderr.count("This node has no NVIDIA driver, but was started with GPUs.") == 1
    done = grade([*words(handed_in(2), tmp_path / "run", *PROCESS), *on(cluster), "--gpu", "GPU-aa"], root)
    assert done.returncode == 3 and "Ray hands out the GPUs" in done.stderr


def test_there_is_no_cluster(
    handed_in: Callable[[int], list[Path]], words: Callable[..., list[str]], root: Path, tmp_path: Path
) -> None:
    done = grade(words(handed_in(1), tmp_path / "run", *PROCESS, "--engine", "ray", "--address", "127.0.0.1:1"), root)
    assert done.returncode == 4
    assert "There is no Ray cluster at 127.0.0.1:1" in done.stderr and "ray start --address" in done.stderr


def test_a_node_with_another_harness_is_left_out(
    cluster: RayCluster,
    handed_in: Callable[[int], list[Path]],
    words: Callable[..., list[str]],
    root: Path,
    tmp_path: Path,
) -> None:
    fake = tmp_path / "elsewhere" / "harness"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text('__version__ = "0.0.1"\n')
    node = cluster.add(environment={"PYTHONPATH": str(fake.parent)})
    sources = handed_in(3)
    for source in sources:
        without_prompts(source)
        (source / "run.sh").write_text("sleep 3\n")
    # Not in the repository's folder: Ray gives the driver's own first on to nodes, which here are on the same disk.
    done = grade(words(sources, tmp_path / "run", *PROCESS, *on(cluster)), tmp_path)
    node.stop()
    cluster.nodes.remove(node)
    assert done.returncode == 0, done.stderr
    assert "left out; Its harness is 0.0.1, the driver's is " in done.stderr
    assert "then `ray stop` and `ray start`" in done.stderr
    assert len(records(tmp_path / "run")) == 3


def test_a_node_dies_in_the_middle_and_another_comes(
    cluster: RayCluster,
    handed_in: Callable[[int], list[Path]],
    words: Callable[..., list[str]],
    root: Path,
    tmp_path: Path,
) -> None:
    sources, run = handed_in(8), tmp_path / "run"
    for source in sources:
        without_prompts(source)
        script = source / "run.sh"
        script.write_text("#!/usr/bin/env bash\nsleep 6\n" + script.read_text())
    doomed = cluster.add()
    driver = start(words(sources, run, *PROCESS, *on(cluster), "--runs", "1"), root)
    wait_until(
        lambda: (
            len({one["node"] for one in told(run, "Placed")}) == 3
            and len([one for one in told(run, "StageStarted") if one["stage"] == "run"]) >= 3
        ),
        why="three nodes run programs",
    )
    workers = [one.pid for one in doomed.raylet().children(recursive=True)]
    doomed.kill_raylet()
    cluster.nodes.remove(doomed)
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in workers), why="its actors end by themselves")
    wait_until(lambda: [one for one in told(run, "NodeChanged") if one["state"] == "lost"], why="the node is missed")
    cluster.add()
    said, errors = driver.communicate(timeout=200)
    assert driver.returncode == 0, errors
    assert "8/8" in said
    seen = records(run)
    assert len(seen) == 8 and {one["outcome"] for one in seen.values()} == {"failed"}  # no prompts
    assert all(one["stages"][4]["status"] == "passed" for one in seen.values())
    (lost,) = (one for one in told(run, "NodeChanged") if one["state"] == "lost")
    placed = Counter(one["submission"] for one in told(run, "Placed"))
    moved = {one["submission"] for one in told(run, "Placed") if one["node"] == lost["node"]}
    again = {name for name, count in placed.items() if count > 1}
    assert again and again <= moved and len(placed) == 8
    assert not told(run, "Retrying")
    assert Counter(one["submission"] for one in told(run, "Recorded")) == dict.fromkeys(placed, 1)
    assert lost["node"] in errors and "lost" in errors


@pytest.mark.docker
def test_ended_or_killed_in_the_middle_no_container_stays(
    cluster: RayCluster,
    handed_in: Callable[[int], list[Path]],
    words: Callable[..., list[str]],
    root: Path,
    tmp_path: Path,
) -> None:
    sources, run = handed_in(2), tmp_path / "run"
    scripts = {source: (source / "run.sh").read_text() for source in sources}

    def ours() -> list[str]:
        return of_cluster(cluster, "run")

    for source in sources:
        without_prompts(source)
        (source / "run.sh").write_text(WAIT)
    driver = start([*words(sources, run, "--sandbox", "docker"), *on(cluster)], root)
    wait_until(lambda: len(ours()) == 2, why="a container on each node")
    driver.send_signal(signal.SIGINT)
    wait_until(lambda: told(run, "Interrupted"), why="the first press is seen")
    driver.send_signal(signal.SIGINT)
    _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 130, errors
    assert of_cluster(cluster) == [] and not (run / "scratch").exists()
    resume = [sys.executable, "-m", "harness", "grade", "--resume", str(run), *on(cluster)]
    driver = start(resume, root)
    wait_until(lambda: len(ours()) == 2, why="a container on each node, again")
    graders = owners(ours())
    driver.kill()
    driver.communicate()
    assert len(graders) == 2
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in graders), why="graders end by themselves")
    for source, script in scripts.items():
        (source / "run.sh").write_text(script)
    done = grade(resume, root)
    assert done.returncode == 0, done.stderr
    assert of_cluster(cluster) == []
    assert len(records(run)) == 2
    assert [folder for node in cluster.nodes for folder in node.temporary.glob("lora-harness_*")] == []
