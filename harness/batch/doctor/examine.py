"""Looks at everything, in the order in which it is shown. Must not judge: each subject does that in its own file."""

import threading
from pathlib import Path

from harness.batch.doctor.engine import NO_IMAGE, engine_fact, image, no_engine
from harness.batch.doctor.gpu import gpu
from harness.batch.doctor.network import FILE_HOSTS, network_fact, reach
from harness.batch.doctor.room import disk, engine_disk, memory
from harness.batch.doctor.versions import host_packages, image_packages, local, packages_fact, versions
from harness.errors import HarnessError
from harness.report.facts import Fact
from harness.sandbox.choose import engine_facts
from harness.sandbox.engine_facts import EngineFacts


def examine(image_lock: Path) -> tuple[Fact, ...]:
    """Look; reaching for hosts goes on meanwhile."""
    network: list[Fact] = []
    looking = threading.Thread(target=lambda: network.append(network_fact(reach(FILE_HOSTS))), daemon=True)
    looking.start()  # it waits for others most of the time
    found = _engine()
    containers = isinstance(found, EngineFacts)
    facts = (
        versions(),
        engine_fact(found) if isinstance(found, EngineFacts) else no_engine(found),
        image(image_lock) if containers else NO_IMAGE,
        gpu(image_lock),
        local(needed=not containers),
        packages_fact(host_packages(), image_packages(image_lock)),
        disk(Path.cwd()),
        engine_disk(found.root_folder if isinstance(found, EngineFacts) else None),
        memory(),
    )
    looking.join()
    return (*facts, *network)


def _engine() -> EngineFacts | HarnessError:
    try:
        return engine_facts()
    except HarnessError as error:
        return error
