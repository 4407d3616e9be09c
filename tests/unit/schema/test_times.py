"""Submission times from a CSV file."""

from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.schema.times import REMEDY, load_times


def write(folder: Path, content: bytes) -> Path:
    path = folder / "times.csv"
    path.write_bytes(content)
    return path


def test_loads_times_of_the_zone_and_with_offset(tmp_path: Path) -> None:
    content = (
        "\ufeffname,id,submitted_at\r\n甲,r13921031,2027-01-02T00:10\r\n乙,b09901001,2026-12-31 15:59:00+00:00\r\n"
    )
    times = load_times(write(tmp_path, content.encode()), zone="Asia/Taipei")
    assert {key: time.isoformat() for key, time in times.items()} == {
        "r13921031": "2027-01-02T00:10:00+08:00",
        "b09901001": "2026-12-31T23:59:00+08:00",
    }


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", '1:1: expected the column `id`, saw "an empty file"; name it in the first line'),
        (b"id;submitted_at\n", '1:1: expected the column `id`, saw "id;submitted_at"; name it in the first line'),
        (b"id\nr1\n", '1:1: expected the column `submitted_at`, saw "id"; name it in the first line'),
        (
            b"id,submitted_at\nr1,\n",
            "2:1: expected a value for `submitted_at`, saw none; fill it in, or remove the line",
        ),
        (
            b"id,submitted_at\nr1\n",
            "2:1: expected a value for `submitted_at`, saw none; fill it in, or remove the line",
        ),
        (
            b"id,submitted_at\n,2027-01-02T00:10Z\n",
            "2:1: expected a value for `id`, saw none; fill it in, or remove the",
        ),
        (
            b"id,submitted_at\nr1,2027-01-02T00:10Z\nr1,2027-01-02T00:11Z\n",
            '3:1: expected each id once, saw "r1" for the second time; keep the line of the submission that counts',
        ),
        (
            b"id,submitted_at\nr1,yesterday\n",
            '2:1: expected a date and time that exist, saw "yesterday"; check month, day, hour and offset; '
            "the form is 2026-12-31T23:59:00+08:00",
        ),
        (
            b"id,submitted_at\nr1,2027-01-02T00:10\n",
            '2:1: expected a time with offset, or a zone, saw "2027-01-02T00:10"; write it as ',
        ),
        ("id,submitted_at\nr1,二".encode("utf-16"), "1:1: expected UTF-8, saw UTF-16 or UTF-32; save it as UTF-8"),
        (
            b'id,submitted_at\nr1,"2027',
            "1:1: expected a CSV file, saw unexpected end of data; save it as CSV with commas",
        ),
    ],
)
def test_wrong_lines_are_told(content: bytes, line: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_times(write(tmp_path, content), zone=None)
    assert caught.value.remedy == REMEDY
    first, second = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
    assert first == "times.csv cannot be used:"
    assert second.startswith(f"times.csv:{line}")


def test_many_wrong_lines_are_counted(tmp_path: Path) -> None:
    rows = "".join(f"r{number},never\n" for number in range(30))
    with pytest.raises(ConfigError) as caught:
        load_times(write(tmp_path, f"id,submitted_at\n{rows}".encode()), zone=None)
    assert len(str(caught.value).splitlines()) == 22
    assert str(caught.value).endswith("and 10 more")
