"""Which sandbox is taken, with an engine out of reach."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import ConfigError, EnvironmentFault
from harness.sandbox.choose import choose_sandbox

# docker-py leaves the socket that it could not connect to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
LOCK = Path("image.lock")


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    yield
    gc.collect()


def test_process_needs_trust() -> None:
    with pytest.raises(ConfigError, match="does not keep a program from the rest of this machine") as caught:
        choose_sandbox("process", image_lock=LOCK, allow_process=False)
    assert "`--sandbox process --i-trust-this-code`" in caught.value.remedy


def test_process_with_trust() -> None:
    assert choose_sandbox("process", image_lock=LOCK, allow_process=True).name == "process"


@pytest.mark.parametrize("allow_process", [False, True])
def test_docker_needs_an_engine(allow_process: bool) -> None:
    with pytest.raises(EnvironmentFault, match="No container engine answers") as caught:
        choose_sandbox("docker", image_lock=LOCK, allow_process=allow_process)
    assert "Start Docker" in caught.value.remedy
    assert caught.value.exit_code == 4


def test_auto_falls_back_only_with_trust() -> None:
    assert choose_sandbox("auto", image_lock=LOCK, allow_process=True).name == "process"
    with pytest.raises(EnvironmentFault, match="No container engine answers") as caught:
        choose_sandbox("auto", image_lock=LOCK, allow_process=False)
    assert "Start Docker" in caught.value.remedy
    assert "`--sandbox process --i-trust-this-code`" in caught.value.remedy
