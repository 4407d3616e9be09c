"""Builds the pinned runtime image and checks that an image still is what its lock says.

Must not know of submissions or stages. It is imported only by commands that need an engine.
"""

import fcntl
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from requests.exceptions import RequestException

from harness.errors import ConfigError, EnvironmentFault
from harness.sandbox.engine import connect
from harness.sandbox.image import base as debian
from harness.sandbox.image.build_log import BuildLog, build_fault, build_remedy
from harness.sandbox.image.context import build_context, split_certificates
from harness.sandbox.image.lock import (
    REMAKE,
    BaseImage,
    ImageLock,
    LockedWheel,
    input_paths,
    inputs_sha256,
    read_input,
    read_inputs_sha256,
    read_lock,
    write_lock,
)
from harness.sandbox.image.pull import NoRegistryError, follow_pull
from harness.sandbox.image.wheels import Wheel, fetch_wheels

__all__ = ["ImageLock", "ImageSpec", "build_image", "ensure_base", "read_lock", "verify_image"]

DEFAULT_BASE = "debian:bookworm-slim"
MADE_BASE = "lora-harness-base:bookworm"
BASE_LABEL = "lora-harness.base"
# Reading a whole base takes an engine on a slow disk longer than the client's own 60 s.
ENGINE_TIMEOUT_S = 600

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """Which image to build.

    Attributes:
        flavour: ``cpu`` or ``cuda``.
        project_root: Folder of the Dockerfile and of ``requirements/``.
        cache_dir: Keeps wheels and the locks of earlier builds.
        tag: Name of the image in the engine.
        base: What to build on; the default is made from Debian's packages where no registry answers.
        ca_bundle: PEM file of certificates that the image is to trust besides Debian's own.
    """

    flavour: str
    project_root: Path
    cache_dir: Path
    tag: str
    base: str = DEFAULT_BASE
    ca_bundle: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    dockerfile: bytes
    requirements: bytes
    ca_bundle: bytes | None
    ca_sha256: str | None
    sha256: str


def build_image(spec: ImageSpec, *, progress: Progress) -> ImageLock:
    """Build the image, or find that it is there already with the same inputs.

    Raises:
        ConfigError: The flavour, the base's name, the CA bundle or a file of the project is wrong.
        EnvironmentFault: No engine, no base, no wheels, disk full, or a step of the build failed.
    """
    inputs = _read_inputs(spec)
    with closing(_connect()) as engine, _named_faults(), _one_build_at_a_time(spec, progress=progress):
        if (known := _still_good(engine, spec, inputs=inputs)) is not None:
            progress(f"image {spec.tag}: inputs unchanged, nothing to build")
            return known
        base, parent = ensure_base(spec.base, cache_dir=spec.cache_dir, progress=progress, engine=engine)
        wheels = fetch_wheels(inputs.requirements.decode(), spec.cache_dir / "wheels", progress=progress)
        _build(engine, spec, inputs=inputs, parent=parent, wheels=wheels, progress=progress)
        lock = _make_lock(engine, spec, inputs=inputs, base=base, wheels=wheels)
        write_lock(lock, _record_path(spec))
    return lock


def verify_image(lock: ImageLock, *, project_root: Path | None = None) -> None:
    """Check that the engine holds the image of the lock and, given the project, that its inputs are the same.

    Raises:
        ConfigError: A file of the project cannot be read.
        EnvironmentFault: No engine, no such image, another image under the tag, or changed inputs.
    """
    with closing(_connect()) as engine, _named_faults():
        found = _inspect(engine, lock.tag)
    if found is None:
        raise EnvironmentFault(f"The engine has no image {lock.tag}", remedy="Make it with `harness image build`")
    if found["Id"] != lock.image_id:
        raise EnvironmentFault(
            f"The image {lock.tag} is not the one of the lock: the engine has {found['Id']}, the lock {lock.image_id}",
            remedy=REMAKE,
        )
    if project_root is None:
        return
    now = read_inputs_sha256(project_root, flavour=lock.flavour, ca_sha256=lock.ca_sha256)
    if now != lock.inputs_sha256:
        raise EnvironmentFault(
            f"The Dockerfile or requirements/{lock.flavour}.lock changed since the image {lock.tag} was made",
            remedy=REMAKE,
        )


def ensure_base(
    reference: str, *, cache_dir: Path, progress: Progress, engine: docker.APIClient | None = None
) -> tuple[BaseImage, str]:
    """Bring the base into the engine: found there, pulled, or made from Debian's packages.

    Returns:
        What the lock says of the base, and the name to build from.

    Raises:
        ConfigError: The registry answers and does not have it.
        EnvironmentFault: No registry answers and it cannot be made here.
    """
    engine = engine or _connect()
    with _named_faults():
        if (found := _inspect(engine, reference)) is not None:
            return _describe(found, reference), reference
        progress(f"base: pulling {reference}")
        try:
            follow_pull(lambda: _pull_events(engine, reference), reference, progress=progress)
        except NoRegistryError as silence:
            if reference != DEFAULT_BASE:
                raise EnvironmentFault(
                    f"The base {reference} is not in the engine and no registry answers: {silence}",
                    remedy=f"Load it (`docker load`) or leave --base out: {DEFAULT_BASE} is made without a registry",
                ) from silence
            progress(f"base: no registry answers ({silence}); taking Debian's own packages instead")
            return _made_base(engine, reference, cache_dir=cache_dir, progress=progress), MADE_BASE
        return _describe(_require(engine, reference), reference), reference


def _pull_events(engine: docker.APIClient, reference: str) -> Iterator[dict[str, Any]]:
    try:
        yield from engine.pull(reference, stream=True, decode=True)
    except APIError as error:
        yield {"error": error.explanation or str(error)}
    except RequestException as error:
        yield {"error": str(error)}


def _made_base(engine: docker.APIClient, reference: str, *, cache_dir: Path, progress: Progress) -> BaseImage:
    if (found := _inspect(engine, MADE_BASE)) is not None:
        return _describe(found, reference)
    cache_dir.mkdir(parents=True, exist_ok=True)
    repository, tag = MADE_BASE.split(":")
    changes = ['CMD ["bash"]', f"LABEL {BASE_LABEL}=debootstrap"]
    with tempfile.TemporaryDirectory(dir=cache_dir, prefix="base-", ignore_cleanup_errors=True) as scratch:
        root = Path(scratch, "root").resolve()
        try:
            debian.make_root(root, progress=progress)
            stream = cast(Any, debian.tar_root(root))
            engine.import_image_from_stream(stream, repository=repository, tag=tag, changes=changes)
        finally:
            debian.release_mounts(root)
    return _describe(_require(engine, MADE_BASE), reference)


def _describe(found: dict[str, Any], reference: str) -> BaseImage:
    labels = (found.get("Config") or {}).get("Labels") or {}
    digests = found.get("RepoDigests") or []
    if labels.get(BASE_LABEL) == "debootstrap":
        return BaseImage(reference=reference, origin="debootstrap", digest=found["Id"])
    if digests:
        return BaseImage(reference=reference, origin="registry", digest=digests[0].split("@")[1])
    return BaseImage(reference=reference, origin="local", digest=found["Id"])


def _inspect(engine: docker.APIClient, name: str) -> dict[str, Any] | None:
    try:
        return _require(engine, name)
    except ImageNotFound:
        return None


def _require(engine: docker.APIClient, name: str) -> dict[str, Any]:
    return cast(dict[str, Any], cast(Any, engine).inspect_image(name))


def _connect() -> docker.APIClient:
    engine = connect().api
    engine.timeout = ENGINE_TIMEOUT_S
    return engine


def _read_inputs(spec: ImageSpec) -> _Inputs:
    dockerfile, requirements = (read_input(path) for path in input_paths(spec.project_root, flavour=spec.flavour))
    ca_bundle = read_input(spec.ca_bundle) if spec.ca_bundle else None
    if ca_bundle is not None and not split_certificates(ca_bundle):
        raise ConfigError(
            f"The CA bundle {spec.ca_bundle} holds no certificate",
            remedy="Give a PEM file with `-----BEGIN CERTIFICATE-----` blocks",
        )
    ca_sha256 = hashlib.sha256(ca_bundle).hexdigest() if ca_bundle else None
    digest = inputs_sha256(flavour=spec.flavour, dockerfile=dockerfile, requirements=requirements, ca_sha256=ca_sha256)
    return _Inputs(
        dockerfile=dockerfile, requirements=requirements, ca_bundle=ca_bundle, ca_sha256=ca_sha256, sha256=digest
    )


def _record_path(spec: ImageSpec) -> Path:
    name = "".join(char if char.isalnum() or char in ".-" else "_" for char in spec.tag)
    return spec.cache_dir / "images" / f"{name}.lock"


def _still_good(engine: docker.APIClient, spec: ImageSpec, *, inputs: _Inputs) -> ImageLock | None:
    try:
        known = read_lock(_record_path(spec))
    except EnvironmentFault:
        return None
    same = (known.tag, known.base.reference, known.inputs_sha256) == (spec.tag, spec.base, inputs.sha256)
    found = _inspect(engine, spec.tag) if same else None
    return known if found is not None and found["Id"] == known.image_id else None


def _build(
    engine: docker.APIClient,
    spec: ImageSpec,
    *,
    inputs: _Inputs,
    parent: str,
    wheels: Sequence[Wheel],
    progress: Progress,
) -> None:
    context = build_context(
        dockerfile=inputs.dockerfile,
        requirements=inputs.requirements,
        wheels=[wheel.path for wheel in wheels],
        ca_bundle=inputs.ca_bundle,
    )
    size_mib = sum(wheel.path.stat().st_size for wheel in wheels) >> 20
    progress(f"image {spec.tag}: sending {len(wheels)} wheels ({size_mib} MiB) to the engine")
    events = engine.build(
        fileobj=cast(Any, context),
        custom_context=True,
        tag=spec.tag,
        buildargs={"BASE": parent, "FLAVOUR": spec.flavour},
        rm=True,
        forcerm=True,
        decode=True,
    )
    stages = _follow_build(cast(Iterable[dict[str, Any]], events), progress=progress)
    # The stage that unpacked the wheels is larger than the image, and only the same inputs could reuse it. The engine
    # refuses to remove a stage that the image stands on.
    for stage in stages:
        with suppress(APIError):
            cast(Any, engine).remove_image(stage)


def _follow_build(events: Iterable[dict[str, Any]], *, progress: Progress) -> list[str]:
    log = BuildLog()
    for event in events:
        if (shown := log.feed(event)) is not None:
            progress(shown)
    if log.error is not None:
        raise build_fault(log)
    return log.stages


def _make_lock(
    engine: docker.APIClient, spec: ImageSpec, *, inputs: _Inputs, base: BaseImage, wheels: Sequence[Wheel]
) -> ImageLock:
    found = _require(engine, spec.tag)
    return ImageLock(
        flavour=spec.flavour,
        tag=spec.tag,
        image_id=found["Id"],
        base=base,
        inputs_sha256=inputs.sha256,
        ca_sha256=inputs.ca_sha256,
        wheels=tuple(LockedWheel(name=wheel.name, version=wheel.version, sha256=wheel.sha256) for wheel in wheels),
        created_at=found["Created"],
        size_bytes=found["Size"],
    )


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except (DockerException, RequestException) as error:
        said = getattr(error, "explanation", None) or str(error)
        raise EnvironmentFault(f"The container engine failed: {said}", remedy=build_remedy(said)) from error
    except OSError as error:
        raise EnvironmentFault(
            f"A file of the image's cache cannot be used: {error}",
            remedy="Free some space, or choose a folder that this user may write with --cache-dir",
        ) from error


@contextmanager
def _one_build_at_a_time(spec: ImageSpec, *, progress: Progress) -> Iterator[None]:
    spec.cache_dir.mkdir(parents=True, exist_ok=True)
    with (spec.cache_dir / "build.guard").open("w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another image build is running; waiting for it")
            fcntl.flock(guard, fcntl.LOCK_EX)
        yield
