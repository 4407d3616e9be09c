"""Versions here and in the image."""

import platform

import pytest

from harness import __version__
from harness.batch.doctor.versions import packages_fact, versions
from harness.report.facts import Health

DIFFER = "A check as a process (--sandbox process) may differ from grading. If you use that: `pip install "


def test_versions() -> None:
    seen = versions().seen
    assert seen.startswith(f"harness {__version__}, Python {platform.python_version()}, docker client 7.")


@pytest.mark.parametrize(
    ("host", "image", "health", "seen", "remedy"),
    [
        ({"peft": "1"}, None, Health.NOTE, "no image lock to compare with", ""),
        ({}, {"peft": "1"}, Health.FINE, "none here: programs run with those of the image", ""),
        ({"torch": "2.13.0+cu130"}, {"torch": "2.13.0", "peft": "1"}, Health.FINE, "the same here as in the image", ""),
        (
            {"peft": "2", "torch": "3", "gdown": "5"},
            {"peft": "1", "torch": "2+cpu", "gdown": "5"},
            Health.NOTE,
            "peft 2 here, 1 in the image; torch 3 here, 2+cpu in the image",
            f"{DIFFER}peft==1 torch==2`.",
        ),
    ],
)
def test_packages(host: dict[str, str], image: dict[str, str] | None, health: Health, seen: str, remedy: str) -> None:
    found = packages_fact(host, image)
    assert (found.name, found.health, found.seen, found.remedy) == ("packages", health, seen, remedy)
