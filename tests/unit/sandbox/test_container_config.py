"""What the engine is told. How it looks from the inside is tested with a real engine."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.sandbox.container_config import Engine, Identity, Owner, container_config, identity_for
from harness.sandbox.gpu.grant import NO_GPU, Grant
from harness.sandbox.interface import Job

PLAIN = Engine(cores=2.0, rootless=False, remap_base=None, podman=False)


def config(job: Job, *, gpu: Grant = NO_GPU) -> dict[str, Any]:
    return container_config(
        job,
        image_id="sha256:1",
        engine=PLAIN,
        identity=Identity(user="65532:65532"),
        owner=Owner(owner="1:2", host="h:3"),
        gpu=gpu,
    )


@pytest.mark.parametrize(
    ("uid", "rootless", "remap_base", "podman", "expected"),
    [
        (0, False, None, False, Identity(user="65532:65532", owner=65532)),
        (0, False, None, True, Identity(user="65532:65532", owner=65532)),
        (0, False, 100_000, False, Identity(user="65532:65532", owner=165_532)),
        (1000, False, None, False, Identity(user="1000:100")),
        (1000, False, 100_000, False, Identity(user="1000:100", userns="host")),
        (1000, True, None, False, Identity(user="0:0")),
        (1000, True, None, True, Identity(user="1000:100", userns="keep-id")),
    ],
)
def test_identity(uid: int, rootless: bool, remap_base: int | None, podman: bool, expected: Identity) -> None:
    engine = Engine(cores=1, rootless=rootless, remap_base=remap_base, podman=podman)
    assert identity_for(engine, uid=uid, gid=100) == expected


def test_everything_is_off_by_default(make_job: Callable[..., Job]) -> None:
    host = config(make_job("true"))["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]  # and nothing about seccomp: the default stays
    assert host["DeviceRequests"] == []
    assert host["Memory"] == host["MemorySwap"] == 512 << 20
    assert host["LogConfig"] == {"Type": "none", "Config": {}}
    assert "Privileged" not in host


def test_a_gpu_is_given_as_granted_and_none_is_seen_without(make_job: Callable[..., Job]) -> None:
    node = {"PathOnHost": "/dev/nvidia3", "PathInContainer": "/dev/nvidia3", "CgroupPermissions": "rw"}
    library = {"Type": "bind", "Source": "/l", "Target": "/opt/l", "ReadOnly": True}
    given = Grant(
        how="devices",
        device_requests=({"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=GPU-1"]},),
        devices=(node,),
        mounts=(library,),
        environment={"CUDA_VISIBLE_DEVICES": "GPU-1"},
    )
    made = config(make_job("true"), gpu=given)
    assert made["HostConfig"]["DeviceRequests"] == [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=GPU-1"]}]
    assert made["HostConfig"]["Devices"] == [node]
    assert [one["Target"] for one in made["HostConfig"]["Mounts"]] == ["/work", "/opt/l"]
    assert "CUDA_VISIBLE_DEVICES=GPU-1" in made["Env"]
    plain = config(make_job("true"))
    assert plain["HostConfig"]["Devices"] == []
    assert "NVIDIA_VISIBLE_DEVICES=void" in plain["Env"]


@pytest.mark.parametrize(("cpus", "expected"), [(0.5, 500_000_000), (2.0, 2_000_000_000), (8.0, 2_000_000_000)])
def test_no_more_cores_than_there_are(make_job: Callable[..., Job], cpus: float, expected: int) -> None:
    assert config(make_job("true", cpus=cpus))["HostConfig"]["NanoCpus"] == expected


def test_job_may_override_the_environment(make_job: Callable[..., Job]) -> None:
    given = config(make_job("true", environment={"HOME": "/work", "X": "1"}))["Env"]
    shown = ["HOME=/work", "LANG=C.UTF-8", "NVIDIA_VISIBLE_DEVICES=void", "OMP_NUM_THREADS=1", "TMPDIR=/tmp", "X=1"]
    assert sorted(given) == shown


@pytest.mark.parametrize("stdin", [b"", b"x"])
def test_standard_input_is_there_only_if_given(make_job: Callable[..., Job], stdin: bytes) -> None:
    made = config(make_job("true", stdin=stdin))
    assert made["OpenStdin"] is made["StdinOnce"] is made["AttachStdin"] is bool(stdin)
