from pathlib import Path

import pytest

from harness.batch.similar.entries import read_entries
from harness.errors import ConfigError
from tests.unit.batch.similar.conftest import AddOne


def test_a_torn_record_is_left_out_and_told(add: AddOne, tmp_path: Path) -> None:
    add("a1")
    (add("b1") / "record.json").write_text('{"schema":')
    found = read_entries([tmp_path / "run"])
    assert [one.label for one in found.all] == ["a1"]
    assert [one.submission for one in found.left_out] == ["b1"]
    assert "record.json is torn or no " in found.left_out[0].why


def test_runs_called_alike_are_told_apart(add: AddOne, tmp_path: Path) -> None:
    add("a1", run="2025/final")
    add("a2", run="2026/final")
    labels = [one.label for one in read_entries([tmp_path / "2025/final", tmp_path / "2026/final"]).all]
    assert labels == ["2025/final/a1", "2026/final/a2"]


def test_a_folder_that_is_no_run_is_refused(add: AddOne, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no graded submission"):
        read_entries([tmp_path])
    add("a1")
    with pytest.raises(ConfigError, match="A run is given twice"):
        read_entries([tmp_path / "run", tmp_path / "run/../run"])
