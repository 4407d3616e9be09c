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
    found: EngineFacts | None = None
    try:
        found = engine_facts()
        engine = engine_fact(found)
    except HarnessError as error:
        engine = no_engine(error)
    facts = (
        versions(),
        engine,
        image(image_lock) if found else NO_IMAGE,
        gpu(image_lock),
        local(needed=not found),
        packages_fact(host_packages(), image_packages(image_lock)),
        disk(Path.cwd()),
        engine_disk(found.root_folder if found else None),
        memory(),
    )
    looking.join()
    return (*facts, *network)
