"""What lies beside a record, read for a page."""

from pathlib import Path

import pytest

from harness.batch.evidence import read_log, read_predictions
from harness.report.html.logs import HEAD_BYTES, TAIL_BYTES


@pytest.mark.parametrize("size", [0, 1, HEAD_BYTES + TAIL_BYTES, HEAD_BYTES + TAIL_BYTES + 1, 10_000_000])
def test_a_log_is_read_at_both_ends(tmp_path: Path, size: int) -> None:
    (tmp_path / "x.log").write_bytes(b"0123456789abcde\n" * (size // 16) + b"z" * (size % 16))
    log = read_log(tmp_path, "x.log")
    assert log.size_bytes == size
    assert log.left_out_bytes == max(0, size - HEAD_BYTES - TAIL_BYTES)
    assert len(log.head) + len(log.tail) <= HEAD_BYTES + TAIL_BYTES


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[{"id": "a", "output": "x"}, {"id": "a", "output": "y"}]', {"a": "x"}),
        ("[]", {}),
        ("{}", None),
        ('[{"id": 1, "output": "x"}]', None),
        ('[{"id": "a"}]', None),
        ("[", None),
        ('["' + "[" * 100_000, None),
    ],
)
def test_predictions_are_read_or_not(tmp_path: Path, text: str, found: dict[str, str] | None) -> None:
    (tmp_path / "predictions.json").write_text(text)
    assert read_predictions(tmp_path) == found


def test_predictions_behind_a_link_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('[{"id": "a", "output": "x"}]')
    (tmp_path / "predictions.json").symlink_to("other.json")
    assert read_predictions(tmp_path) is None
