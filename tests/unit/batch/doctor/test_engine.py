"""What is said of engines and images, by table; that a real engine is read is seen in test_examine."""

from typing import Any

import pytest

from harness.batch.doctor.engine import engine_fact, image_fact, no_engine
from harness.errors import EnvironmentFault
from harness.report.facts import Health
from harness.sandbox.engine_facts import facts_of
from harness.sandbox.image.lock import BaseImage, ImageLock

DOCKER: dict[str, Any] = {"Version": "20.10.24+dfsg1", "ApiVersion": "1.41"}
PODMAN: dict[str, Any] = {"Version": "5.4.2", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine"}]}
INFO: dict[str, Any] = {"Driver": "overlay2", "CgroupVersion": "2", "DockerRootDir": "/var/lib/docker"}


@pytest.mark.parametrize(
    ("info", "version", "seen", "health", "remedy"),
    [
        ({}, {}, "Docker Engine 20.10.24+dfsg1 (API 1.41), overlay2, cgroup v2, as root", Health.FINE, ""),
        (
            {"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]},
            {},
            "Docker Engine 20.10.24+dfsg1 (API 1.41), overlay2, cgroup v2, rootless",
            Health.FINE,
            "",
        ),
        (
            {"SecurityOptions": ["name=userns"], "CgroupVersion": "1"},
            {},
            "Docker Engine 20.10.24+dfsg1 (API 1.41), overlay2, cgroup v1, as root with userns-remap",
            Health.FINE,
            "",
        ),
        (
            {"SecurityOptions": ["name=rootless"], "CgroupVersion": "1"},
            {},
            "Docker Engine 20.10.24+dfsg1 (API 1.41), overlay2, cgroup v1, rootless",
            Health.LACKING,
            "Boot with `systemd.unified_cgroup_hierarchy=1`: with cgroup v1 a rootless engine limits no memory.",
        ),
        (
            {},
            {"Version": "19.03.15"},
            "Docker Engine 19.03.15 (API 1.41), overlay2, cgroup v2, as root",
            Health.LACKING,
            "Update it: Docker Engine 20.10 or newer is needed.",
        ),
        (
            {},
            PODMAN | {"Version": "4.2.0"},
            "Podman 4.2.0 (API 1.41), overlay2, cgroup v2, as root",
            Health.LACKING,
            "Update it: Podman 4.3 or newer is needed.",
        ),
        ({}, PODMAN, "Podman 5.4.2 (API 1.41), overlay2, cgroup v2, as root", Health.FINE, ""),
        ({"CgroupVersion": None}, {"Version": "29.1"}, None, Health.FINE, ""),
    ],
)
def test_engines(info: dict[str, Any], version: dict[str, Any], seen: str | None, health: Health, remedy: str) -> None:
    found = engine_fact(facts_of(INFO | info, DOCKER | version))
    assert (found.name, found.health, found.remedy) == ("engine", health, remedy)
    assert seen is None or found.seen == seen


def test_no_engine() -> None:
    found = no_engine(EnvironmentFault("No container engine answers.", remedy="Start Docker."))
    assert (found.health, found.seen, found.remedy) == (
        Health.LACKING,
        "No container engine answers.",
        "Start Docker.",
    )


def test_the_image_of_the_lock() -> None:
    lock = ImageLock(
        flavour="cpu",
        tag="lora-harness:cpu",
        image_id="sha256:0123456789abcdef",
        base=BaseImage(reference="debian", origin="local", digest="sha256:2"),
        inputs_sha256="3",
        ca_sha256=None,
        wheels=(),
        created_at="2026-01-02T00:00:00Z",
        size_bytes=1_400_000_000,
    )
    assert image_fact(lock).seen == "lora-harness:cpu, as locked: sha256:0123456789ab, 1.4 GB, made 2026-01-02"
