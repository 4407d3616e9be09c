"""Picks the sandbox for what the user asked and the machine has. Must not know how a sandbox works."""

from contextlib import closing
from pathlib import Path
from typing import Literal

from harness.errors import ConfigError, EnvironmentFault
from harness.sandbox.engine_facts import EngineFacts
from harness.sandbox.gpu.slot import HeldGpu
from harness.sandbox.interface import Sandbox

Kind = Literal["auto", "docker", "process"]


def choose_sandbox(kind: Kind, *, image_lock: Path, allow_process: bool, gpu: HeldGpu | None = None) -> Sandbox:
    """Give the sandbox to use: containers where an engine answers, else processes if the user trusts the code.

    Args:
        kind: What the user asked for; ``auto`` takes containers if it can.
        image_lock: The lock of the image that containers are made from; the engine must hold just that image.
        allow_process: The user said that the code is trusted, so that running it without isolation is fine.
        gpu: The one GPU that programs without network see, or None.

    Raises:
        ConfigError: The process sandbox was asked for without trusting the code.
        EnvironmentFault: No engine answers and processes are not asked for or not allowed, or the image is
            missing or another than the lock's.
    """
    if kind == "process":
        if not allow_process:
            raise ConfigError(
                "The process sandbox does not keep a program from the rest of this machine.",
                remedy="If you trust the submitted code, say so: `--sandbox process --i-trust-this-code`.",
            )
        return _process_sandbox(gpu)
    # Loaded here because its client takes a third of a second to load, and `harness --help` answers faster than that.
    from harness.sandbox.docker import DockerSandbox
    from harness.sandbox.engine import connect

    try:
        client = connect()
    except EnvironmentFault as fault:
        if kind == "docker":
            raise
        if allow_process:
            return _process_sandbox(gpu)
        raise EnvironmentFault(
            str(fault),
            remedy=f"{fault.remedy} If you trust the submitted code: `--sandbox process --i-trust-this-code`.",
        ) from fault
    try:
        image = verified_image(image_lock)
    except EnvironmentFault as fault:
        client.close()
        if not allow_process:
            raise
        remedy = f"{fault.remedy} Code that you trust, like your own, runs without: `--sandbox process`."
        raise EnvironmentFault(str(fault), remedy=remedy) from fault
    except BaseException:
        client.close()
        raise
    return DockerSandbox(image, gpu=gpu, client=client)


def engine_words() -> str:
    """Tell which container engine answers, in words.

    Raises:
        EnvironmentFault: None does.
    """
    from harness.sandbox.engine import connect, describe

    with closing(connect()) as client:
        return describe(client)


def engine_facts() -> EngineFacts:
    """Tell what the container engine that answers says of itself.

    Raises:
        EnvironmentFault: None does.
    """
    from harness.sandbox.engine import connect, read_facts

    with closing(connect()) as client:
        return read_facts(client)


def verified_image(image_lock: Path) -> str:
    """Give the id of the lock's image; where the lock lies beside a Dockerfile, that must be unchanged too.

    Raises:
        EnvironmentFault: No lock, no engine, no such image, or another one.
    """
    from harness.sandbox.image.build import verify_image
    from harness.sandbox.image.lock import read_lock

    lock = read_lock(image_lock)
    project = image_lock.absolute().parent
    verify_image(lock, project_root=project if (project / "Dockerfile").is_file() else None)
    return lock.image_id


def _process_sandbox(gpu: HeldGpu | None) -> Sandbox:
    from harness.sandbox.process import ProcessSandbox

    return ProcessSandbox(gpu=gpu)
