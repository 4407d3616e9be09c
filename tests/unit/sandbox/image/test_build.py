"""What needs no engine: refusals before anything starts, the Dockerfile's own rules, and that docker is loaded late."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.sandbox.image.build import DEFAULT_BASE, ImageSpec, build_image

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def spec(tmp_path: Path) -> ImageSpec:
    return ImageSpec(flavour="cpu", project_root=ROOT, cache_dir=tmp_path / "cache", tag="never:built")


def test_a_wrong_flavour_is_refused(spec: ImageSpec) -> None:
    with pytest.raises(ConfigError, match="Unknown image flavour 'rocm'"):
        build_image(replace(spec, flavour="rocm"), progress=str)


def test_a_project_without_a_dockerfile_is_refused(spec: ImageSpec, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Cannot read .*Dockerfile.*: No such file") as caught:
        build_image(replace(spec, project_root=tmp_path), progress=str)
    assert "full copy of the project" in caught.value.remedy


def test_a_bundle_without_certificates_is_refused(spec: ImageSpec, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate\n")
    with pytest.raises(ConfigError, match=r"ca\.pem holds no certificate") as caught:
        build_image(replace(spec, ca_bundle=bundle), progress=str)
    assert "BEGIN CERTIFICATE" in caught.value.remedy
    assert not spec.cache_dir.exists()


def test_the_command_line_does_not_load_docker() -> None:
    code = "import sys, harness.cli.image as i; sys.exit('docker' in sys.modules or i.DEFAULT_BASE != sys.argv[1])"
    assert subprocess.run([sys.executable, "-c", code, DEFAULT_BASE], cwd=ROOT, check=False).returncode == 0


def test_the_dockerfile_needs_no_newer_builder() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"^#\s*syntax=|<<|--mount|--link|--chmod|--security|--network|HEREDOC", text, re.MULTILINE)
    assert re.search(r"^ARG BASE=" + re.escape(DEFAULT_BASE) + "$", text, re.MULTILINE)
    assert "HF_HUB_OFFLINE" not in text


def test_the_dockerfile_installs_offline_and_by_hash() -> None:
    (install,) = re.findall(r"pip install((?:.|\\\n)*?-r \S+)", (ROOT / "Dockerfile").read_text())
    assert {"--no-index", "--require-hashes", "--no-deps"} <= set(install.replace("\\\n", " ").split())
