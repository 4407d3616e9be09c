"""The lock file: written whole, read strictly, held against its schema."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from harness.errors import ConfigError, EnvironmentFault
from harness.sandbox.image.lock import (
    BaseImage,
    ImageLock,
    LockedWheel,
    inputs_sha256,
    read_inputs_sha256,
    read_lock,
    write_lock,
)

ROOT = Path(__file__).resolve().parents[4]
HEX = "0123456789abcdef" * 4
LOCK = ImageLock(
    flavour="cpu",
    tag="lora-harness:cpu",
    image_id=f"sha256:{HEX}",
    base=BaseImage(reference="debian:bookworm-slim", origin="debootstrap", digest=f"sha256:{HEX}"),
    inputs_sha256=HEX,
    ca_sha256=None,
    wheels=(LockedWheel(name="torch", version="2.13.0+cpu", sha256=HEX),),
    created_at="2026-11-21T03:12:34.5Z",
    size_bytes=1,
)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "schemas/image-lock.v1.json").read_text())
    return found


def test_what_is_written_reads_back_and_fits_the_schema(tmp_path: Path, schema: dict[str, Any]) -> None:
    path = tmp_path / "deep" / "image.lock"
    write_lock(LOCK, path)
    assert read_lock(path) == LOCK
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(path.read_text()))
    assert [found.name for found in path.parent.iterdir()] == ["image.lock"]


def test_dataclasses_and_schema_have_the_same_fields(schema: dict[str, Any]) -> None:
    objects = {
        ImageLock: schema,
        BaseImage: schema["properties"]["base"],
        LockedWheel: schema["properties"]["wheels"]["items"],
    }
    for kind, described in objects.items():
        names = {field.name for field in fields(kind)} | ({"schema"} if kind is ImageLock else set())
        assert set(described["properties"]) == set(described["required"]) == names
        assert described["additionalProperties"] is False


@pytest.mark.parametrize(
    "change", [{"flavour": "rocm"}, {"image_id": "sha256:12"}, {"ca_sha256": ""}, {"wheels": []}, {"size_bytes": 0}]
)
def test_the_schema_refuses(change: dict[str, Any], schema: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Draft202012Validator(schema).validate(json.loads(LOCK.to_json()) | change)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LOCK.to_json()[:100], "not one of ours"),
        ("[]", "schema is not image-lock.v1"),
        (LOCK.to_json().replace("image-lock.v1", "image-lock.v9"), "schema is not image-lock.v1"),
        (LOCK.to_json().replace('"tag"', '"tga"'), r"ImageLock has a key too many or too few: \['tag', 'tga'\]"),
        (LOCK.to_json().replace('"origin"', '"orgin"'), "BaseImage has a key too many"),
        ("\udcff", "not one of ours"),
    ],
)
def test_a_torn_or_foreign_file_is_never_trusted(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "image.lock"
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(EnvironmentFault, match=words) as caught:
        read_lock(path)
    assert "harness image build" in caught.value.remedy


def test_no_lock_yet_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no image lock") as caught:
        read_lock(tmp_path / "image.lock")
    assert caught.value.remedy == "Run `harness image build` in the project, or give its lock with --image-lock."


def test_a_lock_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="Cannot write the image lock"):
        write_lock(LOCK, tmp_path / "file" / "image.lock")


def test_every_input_changes_the_hash() -> None:
    given: dict[str, Any] = {"flavour": "cpu", "dockerfile": b"a", "requirements": b"b", "ca_sha256": None}
    changes: list[dict[str, Any]] = [
        {}, {"flavour": "cuda"}, {"dockerfile": b"b"}, {"requirements": b"a"}, {"ca_sha256": HEX}
    ]  # fmt: skip
    assert len({inputs_sha256(**(given | change)) for change in changes}) == len(changes)


def test_inputs_that_are_not_there_are_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Dockerfile"):
        read_inputs_sha256(tmp_path, flavour="cpu", ca_sha256=None)
    with pytest.raises(ConfigError, match="Unknown image flavour 'rocm'") as caught:
        read_inputs_sha256(ROOT, flavour="rocm", ca_sha256=None)
    assert caught.value.remedy == "Choose one of: cpu, cuda"


def test_locks_are_values() -> None:
    assert replace(LOCK, tag="x") != LOCK
