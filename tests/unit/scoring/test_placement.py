import pytest

from harness.scoring.placement import Weights, choose_weights, resident_bytes, weights_bound

GB = 10**9
QWEN3_4B = 8 * GB


@pytest.mark.parametrize(
    ("quantised", "full_bytes", "total_bytes", "expected"),
    [
        (True, QWEN3_4B, 141 * GB, "dequantised"),
        (True, QWEN3_4B, 16 * GB, "dequantised"),
        (True, QWEN3_4B, 13 * GB, "4bit"),
        (True, 6 * GB, 10 * GB, "dequantised"),
        (True, 6 * GB + 1, 10 * GB, "4bit"),
        (False, QWEN3_4B, 141 * GB, "full"),
        (False, QWEN3_4B, 1, "full"),
    ],
)
def test_sizes_decide(quantised: bool, full_bytes: int, total_bytes: int, expected: Weights) -> None:
    assert choose_weights(quantised=quantised, full_bytes=full_bytes, total_bytes=total_bytes) == expected


def test_four_bits_take_a_quarter_of_the_linear_part_and_a_little() -> None:
    assert resident_bytes("dequantised", full_bytes=1000, linear_bytes=800) == 1000
    assert resident_bytes("full", full_bytes=1000, linear_bytes=800) == 1000
    assert resident_bytes("4bit", full_bytes=1_000_000, linear_bytes=800_000) == 200_000 + 206_250


def test_bound_leaves_room() -> None:
    assert weights_bound(10 * GB) == 6 * GB
