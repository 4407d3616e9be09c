"""The container engine and the image in it."""

from pathlib import Path

from harness.errors import HarnessError
from harness.report.facts import Fact, Health, lacking
from harness.sandbox.choose import verified_image
from harness.sandbox.engine_facts import EngineFacts
from harness.sandbox.image.lock import ImageLock, read_lock

# The oldest that the sandbox's tests run on.
OLDEST = {"Docker Engine": (20, 10), "Podman": (4, 3)}
NO_IMAGE = Fact(name="image", health=Health.NOTE, seen="not looked for without an engine")
_USERS = {"root": "as root", "rootless": "rootless", "remapped": "as root with userns-remap"}


def engine_fact(found: EngineFacts) -> Fact:
    """Judge an engine that answers."""
    seen = (
        f"{found.product} {found.version} (API {found.api}), {found.storage}, cgroup v{found.cgroup}, "
        f"{_USERS[found.users]}"
    )
    oldest = OLDEST[found.product]
    if found.numbers < oldest:
        remedy = f"Update it: {found.product} {oldest[0]}.{oldest[1]} or newer is needed."
        return Fact(name="engine", health=Health.LACKING, seen=seen, remedy=remedy)
    if found.users == "rootless" and found.cgroup == "1":
        return Fact(
            name="engine",
            health=Health.LACKING,
            seen=seen,
            remedy="Boot with `systemd.unified_cgroup_hierarchy=1`: with cgroup v1 a rootless engine limits no memory.",
        )
    return Fact(name="engine", health=Health.FINE, seen=seen)


def no_engine(error: HarnessError) -> Fact:
    """Say that none answers, and why."""
    return lacking("engine", error)


def image(lock: Path) -> Fact:
    """Tell whether the engine holds the image of the lock, unchanged."""
    try:
        found = read_lock(lock)
        verified_image(lock)
    except HarnessError as error:
        return lacking("image", error)
    return image_fact(found)


def image_fact(lock: ImageLock) -> Fact:
    """Describe an image that is there as the lock has it."""
    seen = f"{lock.tag}, as locked: {lock.image_id[:19]}, {lock.size_bytes / 1e9:.1f} GB, made {lock.created_at[:10]}"
    return Fact(name="image", health=Health.FINE, seen=seen)
