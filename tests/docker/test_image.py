"""Real builds of a very small image, and a look into the real one."""

import hashlib
import json
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from docker.errors import ContainerError, ImageNotFound
from jsonschema import Draft202012Validator

from harness.errors import EnvironmentFault
from harness.sandbox.image.build import DEFAULT_BASE, ImageSpec, build_image, ensure_base, verify_image

pytestmark = pytest.mark.docker

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
DOCKERFILE = """ARG BASE
FROM ${BASE}
LABEL lora-harness.test=image
ARG FLAVOUR
COPY requirements.lock /requirements.lock
COPY wheels/ /wheels/
COPY ca/ /ca/
RUN ls /ca > /certificates; echo flavour ${FLAVOUR} > /flavour
"""


@pytest.fixture(scope="module")
def client(engine: str) -> Iterator[docker.DockerClient]:
    found = docker.from_env()
    yield found
    found.close()


@pytest.fixture(scope="module")
def base(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    return ensure_base(DEFAULT_BASE, cache_dir=tmp_path_factory.mktemp("base"), progress=print)[1]


@pytest.fixture
def spec(
    base: str, client: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ImageSpec]:
    """A project of one tiny wheel and a Dockerfile of a few steps; its image is removed at the end."""
    wheel = tmp_path / "index" / "tinypackage-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            "tinypackage-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinypackage\nVersion: 1.0\n"
        )
        archive.writestr("tinypackage-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "cpu.lock").write_text(f"tinypackage==1.0 --hash=sha256:{digest}\n")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    tag = f"lora-harness-test:{uuid.uuid4().hex[:12]}"
    yield ImageSpec(flavour="cpu", project_root=tmp_path, cache_dir=tmp_path / "cache", tag=tag, base=base)
    with suppress(ImageNotFound):
        client.images.remove(tag, force=True)
    client.images.prune(filters={"dangling": True, "label": "lora-harness.test=image"})


def see(client: docker.DockerClient, image: str, command: list[str]) -> str:
    return client.containers.run(image, command, remove=True, network_mode="none").decode()


def test_build_records_what_it_made_and_is_skipped_the_second_time(
    spec: ImageSpec, client: docker.DockerClient, root: Path
) -> None:
    told: list[str] = []
    lock = build_image(spec, progress=told.append)
    Draft202012Validator(json.loads((root / "schemas/image-lock.v1.json").read_text())).validate(
        json.loads(lock.to_json())
    )
    assert lock.image_id == client.images.get(spec.tag).id
    assert [(wheel.name, wheel.version) for wheel in lock.wheels] == [("tinypackage", "1.0")]
    assert see(client, spec.tag, ["cat", "/flavour"]) == "flavour cpu\n"
    assert [line.split(" : ")[0] for line in told if line.startswith("Step")] == [f"Step {n}/8" for n in range(1, 9)]
    verify_image(lock, project_root=spec.project_root)

    told.clear()
    started = time.monotonic()
    assert build_image(spec, progress=told.append) == lock
    assert time.monotonic() - started < 1.0
    assert told == [f"image {spec.tag}: inputs unchanged, nothing to build"]


def test_a_changed_input_is_noticed_and_built(spec: ImageSpec) -> None:
    lock = build_image(spec, progress=str)
    (spec.project_root / "Dockerfile").write_text(DOCKERFILE + "ENV CHANGED=yes\n")
    with pytest.raises(EnvironmentFault, match=r"Dockerfile or requirements/cpu\.lock changed") as caught:
        verify_image(lock, project_root=spec.project_root)
    assert "harness image build" in caught.value.remedy
    assert build_image(spec, progress=str).image_id != lock.image_id


def test_a_missing_or_foreign_image_is_noticed_and_made_again(
    spec: ImageSpec, client: docker.DockerClient, base: str
) -> None:
    lock = build_image(spec, progress=str)
    client.images.remove(spec.tag, force=True)
    with pytest.raises(EnvironmentFault, match=f"The engine has no image {spec.tag}"):
        verify_image(lock)
    client.images.get(base).tag(*spec.tag.split(":"))
    with pytest.raises(EnvironmentFault, match="is not the one of the lock") as caught:
        verify_image(lock)
    assert lock.image_id in str(caught.value)
    verify_image(build_image(spec, progress=str))


def test_certificates_of_the_bundle_reach_the_build(spec: ImageSpec, client: docker.DockerClient) -> None:
    bundle = spec.project_root / "ca.pem"
    bundle.write_text(CERTIFICATE * 2)
    lock = build_image(replace(spec, ca_bundle=bundle), progress=str)
    assert see(client, spec.tag, ["cat", "/certificates"]) == "0000.crt\n0001.crt\n"
    assert lock.ca_sha256 == hashlib.sha256(bundle.read_bytes()).hexdigest()
    bundle.unlink()
    verify_image(lock, project_root=spec.project_root)


def test_a_step_that_fails_shows_its_last_lines_and_leaves_no_image(
    spec: ImageSpec, client: docker.DockerClient
) -> None:
    (spec.project_root / "Dockerfile").write_text(DOCKERFILE + "RUN echo what went wrong; exit 7\n")
    with pytest.raises(EnvironmentFault, match="failed at Step 9/9 : RUN echo what went wrong; exit 7") as caught:
        build_image(spec, progress=str)
    assert "returned a non-zero code: 7" in str(caught.value)
    assert str(caught.value).endswith("\nwhat went wrong")
    with pytest.raises(ImageNotFound):
        client.images.get(spec.tag)


def test_a_base_that_nobody_serves_is_a_fault_of_the_machine(engine: str, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="not in the engine and no registry answers") as caught:
        ensure_base("127.0.0.1:1/nobody/base:1", cache_dir=tmp_path, progress=str)
    assert "docker load" in caught.value.remedy


def test_the_real_image_works_locked_down(client: docker.DockerClient) -> None:
    try:
        client.images.get("lora-harness:cpu")
    except ImageNotFound:
        pytest.skip("the image lora-harness:cpu is not built")
    code = (
        "import shutil, torch, transformers, peft, bitsandbytes, trl, datasets, gdown\n"
        "print(*(shutil.which(name) for name in ('python', 'python3', 'pip', 'gdown')))"
    )
    try:
        said = client.containers.run(
            "lora-harness:cpu",
            ["python", "-c", code],
            remove=True,
            read_only=True,
            network_mode="none",
            user="65532",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            tmpfs={"/tmp": ""},
        ).decode()
    except ContainerError as error:
        pytest.fail(f"the imports failed: {error.stderr.decode()}")
    assert said.split() == [f"/opt/venv/bin/{name}" for name in ("python", "python3", "pip", "gdown")]
