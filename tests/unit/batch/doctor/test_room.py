"""Room on disks and in memory."""

from pathlib import Path

import pytest

from harness.batch.doctor.room import disk, engine_disk, room_fact
from harness.report.facts import Health


@pytest.mark.parametrize(
    ("name", "free_bytes", "health", "remedy"),
    [
        ("disk", 20_000_000_000, Health.FINE, ""),
        ("disk", 5_000_000_000, Health.LACKING, "Free 15 GB of disk; 20 GB are wanted."),
        ("memory", 2_000_000_000, Health.LACKING, "Free 18 GB of memory: end what uses it; 20 GB are wanted."),
    ],
)
def test_what_is_free_beside_what_is_wanted(name: str, free_bytes: int, health: Health, remedy: str) -> None:
    found = room_fact(name, free_bytes, "free here", wanted_bytes=20_000_000_000)
    assert (found.name, found.health, found.remedy) == (name, health, remedy)
    assert found.seen == f"{free_bytes / 1e9:.0f} GB free here"


def test_the_disk_of_the_engine(tmp_path: Path) -> None:
    assert engine_disk(None).seen == "not looked for without an engine"
    far = engine_disk(str(tmp_path / "elsewhere"))
    assert (far.health, far.remedy) == (Health.NOTE, "Look where the engine runs: 20 GB should be free.")
    assert far.seen == f"the engine's data folder {tmp_path / 'elsewhere'} cannot be seen from here"
    assert engine_disk(str(tmp_path)).seen.endswith(f" GB free at {tmp_path}")
    assert disk(tmp_path).seen.endswith(" GB free here, where run folders go")
