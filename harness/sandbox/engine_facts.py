"""What a container engine says of itself, as plain data. Must not talk to one, and judges nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.sandbox.gpu.host import is_podman

Users = Literal["root", "rootless", "remapped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """One engine.

    Attributes:
        product: Docker Engine or Podman.
        version: As it writes it; `numbers` are the first two of it.
        api: Version of its API.
        storage: Its storage driver.
        cgroup: ``1`` or ``2``, or ``?`` where it does not tell.
        users: Whom it runs as: root, a plain user, or root with other users inside (``userns-remap``).
        root_folder: Where it keeps images and containers, on its own machine.
    """

    product: str
    version: str
    api: str
    storage: str
    cgroup: str
    users: Users
    root_folder: str

    @property
    def numbers(self) -> tuple[int, int]:
        """Give major and minor version; zeros where there are none."""
        found = re.match(r"(\d+)\.(\d+)", self.version)
        return (int(found[1]), int(found[2])) if found else (0, 0)


def facts_of(info: Mapping[str, Any], version: Mapping[str, Any]) -> EngineFacts:
    """Read what its API answers to ``/info`` and ``/version``."""
    security = " ".join(info.get("SecurityOptions") or [])
    users: Users = "rootless" if "rootless" in security else "remapped" if "name=userns" in security else "root"
    return EngineFacts(
        product="Podman" if is_podman(version) else "Docker Engine",
        version=str(version["Version"]),
        api=str(version.get("ApiVersion", "?")),
        storage=str(info.get("Driver", "?")),
        cgroup=str(info.get("CgroupVersion", "?")),
        users=users,
        root_folder=str(info.get("DockerRootDir", "")),
    )
