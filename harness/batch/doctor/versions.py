"""Versions: of what runs here, and of the packages here beside those in the image."""

import importlib.metadata
import importlib.util
import platform
from collections.abc import Mapping
from pathlib import Path

from harness import __version__
from harness.batch.machine import LOCAL_PACKAGES
from harness.errors import HarnessError
from harness.report.facts import Fact, Health
from harness.sandbox.image.lock import read_lock


def versions() -> Fact:
    """Tell Python, the harness, and the client that talks to engines."""
    client = importlib.metadata.version("docker")
    system = f"{platform.system()} {platform.machine()}"
    seen = f"harness {__version__}, Python {platform.python_version()}, docker client {client}, {system}"
    return Fact(name="versions", health=Health.FINE, seen=seen)


def local(*, needed: bool) -> Fact:
    """Tell whether the extra [local] is installed."""
    if importlib.util.find_spec("torch"):
        return Fact(name="local", health=Health.FINE, seen="torch is installed beside the harness")
    remedy = "Needed only without an engine: pip install '.[local]' in the project's folder"
    health = Health.LACKING if needed else Health.NOTE
    return Fact(name="local", health=health, seen="torch is not installed beside the harness", remedy=remedy)


def host_packages() -> dict[str, str]:
    """Give the versions of the packages here that a submission's programs meet as plain processes."""
    found = {}
    for name in LOCAL_PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def image_packages(lock: Path) -> dict[str, str] | None:
    """Give the versions of the packages in the image; None where there is no lock to read."""
    try:
        return {wheel.name: wheel.version for wheel in read_lock(lock).wheels}
    except HarnessError:
        return None


def packages_fact(host: Mapping[str, str], image: Mapping[str, str] | None) -> Fact:
    """Tell what differs between a check as a process here and one in the image."""
    if image is None:
        return Fact(name="packages", health=Health.NOTE, seen="no image lock to compare with")
    if not host:
        return Fact(name="packages", health=Health.FINE, seen="none here: programs run with those of the image")
    differing = [name for name in host if name in image and _plain(host[name]) != _plain(image[name])]
    if not differing:
        return Fact(name="packages", health=Health.FINE, seen="the same here as in the image")
    return Fact(
        name="packages",
        health=Health.NOTE,
        seen="; ".join(f"{name} {host[name]} here, {image[name]} in the image" for name in differing),
        remedy="A check as a process (--sandbox process) may differ from grading. If you use that: `pip install "
        f"{' '.join(f'{name}=={_plain(image[name])}' for name in differing)}`.",
    )


def _plain(version: str) -> str:
    """Leave out the build that a wheel is of, such as ``+cu128``."""
    return version.partition("+")[0]
