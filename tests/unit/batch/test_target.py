"""What is written stays where the user wants it."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.batch.target import write_folder
from harness.batch.whole_folder import MARK
from harness.errors import ConfigError


@pytest.mark.parametrize("name", ["../x.md", "a/../../x.md", "/x.md", ""])
def test_no_path_leads_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="leads out of"):
        write_folder(tmp_path / "out" / "md", {"a.md": "a", name: "x"})
    assert list(tmp_path.iterdir()) == []


def test_nor_where_python_drops_assertions(tmp_path: Path) -> None:
    program = "import sys, pathlib; from harness.batch.target import write_folder as w; "
    program += "w(pathlib.Path(sys.argv[1]), {'../x.md': 'x'})"
    done = subprocess.run(
        [sys.executable, "-O", "-c", program, str(tmp_path / "md")], capture_output=True, text=True, check=False
    )
    assert "leads out of" in done.stderr and list(tmp_path.iterdir()) == []


def test_an_earlier_folder_goes_as_a_whole(tmp_path: Path) -> None:
    write_folder(tmp_path / "md", {"a/results.json": "1"})
    write_folder(tmp_path / "md", {"b.md": "2"})
    assert sorted(path.name for path in (tmp_path / "md").iterdir()) == [MARK, "b.md"]
    assert "may replace this folder" in (tmp_path / "md" / MARK).read_text()
