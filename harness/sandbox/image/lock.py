"""What an image was made from and what came out, as a file that grading can check. Must not talk to an engine."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from harness.errors import ConfigError, EnvironmentFault
from harness.files import json_text, write_whole

SCHEMA_ID = "image-lock.v1"
FLAVOURS = ("cpu", "cuda")
REMAKE = "Make it again with `harness image build`"

Origin = Literal["registry", "debootstrap", "local"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """What the image stands on.

    Attributes:
        reference: The base that was asked for, such as ``debian:bookworm-slim``.
        origin: ``registry`` pulled, ``debootstrap`` made here from Debian's packages, ``local`` found in the engine.
        digest: The registry's digest, or the engine's id where there is none; ``sha256:`` and 64 hex digits.
    """

    reference: str
    origin: Origin
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedWheel:
    """One wheel that was installed."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLock:
    """The record of one image; the schema `image-lock.v1` describes its JSON form."""

    flavour: str
    tag: str
    image_id: str
    base: BaseImage
    inputs_sha256: str
    ca_sha256: str | None
    wheels: tuple[LockedWheel, ...]
    created_at: str
    size_bytes: int

    def to_json(self) -> str:
        """Write the lock as JSON with a final newline."""
        return json_text({"schema": SCHEMA_ID, **asdict(self)})


def inputs_sha256(*, flavour: str, dockerfile: bytes, requirements: bytes, ca_sha256: str | None) -> str:
    """Hash what decides an image apart from its base: flavour, Dockerfile, wheel list and CA bundle."""
    parts = [flavour, hashlib.sha256(dockerfile).hexdigest(), hashlib.sha256(requirements).hexdigest(), ca_sha256]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def read_inputs_sha256(project_root: Path, *, flavour: str, ca_sha256: str | None) -> str:
    """Hash the inputs as they lie in the project now.

    Raises:
        ConfigError: An unknown flavour, or the Dockerfile or the wheel list cannot be read.
    """
    dockerfile, requirements = input_paths(project_root, flavour=flavour)
    return inputs_sha256(
        flavour=flavour,
        dockerfile=read_input(dockerfile),
        requirements=read_input(requirements),
        ca_sha256=ca_sha256,
    )


def input_paths(project_root: Path, *, flavour: str) -> tuple[Path, Path]:
    """Give the paths of the Dockerfile and of the flavour's wheel list.

    Raises:
        ConfigError: The flavour is unknown.
    """
    if flavour not in FLAVOURS:
        raise ConfigError(f"Unknown image flavour {flavour!r}", remedy=f"Choose one of: {', '.join(FLAVOURS)}")
    return project_root / "Dockerfile", project_root / "requirements" / f"{flavour}.lock"


def read_input(path: Path) -> bytes:
    """Read one input of the build.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"Cannot read {path}, which the image is made from: {error.strerror}",
            remedy="Run the command in a full copy of the project, or give the right path",
        ) from error


def write_lock(lock: ImageLock, path: Path) -> None:
    """Store the lock whole or not at all.

    Raises:
        EnvironmentFault: The file cannot be written.
    """
    try:
        write_whole(path, lock.to_json().encode())
    except OSError as error:
        raise EnvironmentFault(
            f"Cannot write the image lock {path}: {error.strerror}", remedy="Free some space or choose another --lock"
        ) from error


def read_lock(path: Path) -> ImageLock:
    """Read a lock and check its form.

    Raises:
        EnvironmentFault: There is no such file yet, or it is torn or foreign.
    """
    try:
        return parse_lock(path.read_bytes())
    except FileNotFoundError as error:
        raise EnvironmentFault(
            f"There is no image lock at {path.absolute()}.",
            remedy="Run `harness image build` in the project, or give its lock with --image-lock.",
        ) from error
    except OSError as error:
        raise EnvironmentFault(f"Cannot read the image lock {path}: {error.strerror}", remedy=REMAKE) from error
    except ValueError as error:
        raise EnvironmentFault(f"The image lock {path} is not one of ours: {error}", remedy=REMAKE) from error


def parse_lock(content: bytes) -> ImageLock:
    """Build a lock from its JSON form.

    Raises:
        ValueError: Not JSON, another schema, or a key too many or too few.
    """
    found = json.loads(content)
    if not isinstance(found, dict) or found.pop("schema", None) != SCHEMA_ID:
        raise ValueError(f"its schema is not {SCHEMA_ID}")
    checked = _exactly(ImageLock, found)
    wheels = checked["wheels"]
    if not isinstance(wheels, list):
        raise ValueError("wheels is not a list")
    checked["wheels"] = tuple(LockedWheel(**_exactly(LockedWheel, wheel)) for wheel in wheels)
    checked["base"] = BaseImage(**_exactly(BaseImage, checked["base"]))
    return ImageLock(**checked)


def _exactly(kind: type, found: object) -> dict[str, Any]:
    expected = {field.name for field in fields(kind)}
    if not isinstance(found, dict) or set(found) != expected:
        odd = sorted(expected ^ set(found)) if isinstance(found, dict) else "no object"
        raise ValueError(f"{kind.__name__} has a key too many or too few: {odd}")
    return found
