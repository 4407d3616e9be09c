"""How a base model is held on a device, decided from sizes alone. Pure: no torch, no free memory, no clock.

The total memory of a device decides, never what is free on it: else a neighbour would change the path, and with it the
last bits of a score.
"""

from typing import Literal

# full: as in the file. dequantised: quantised once, then unpacked once; the same weights as 4bit, which stays packed.
Weights = Literal["full", "dequantised", "4bit"]

# The rest is for activations, logits and the adapter.
WEIGHTS_SHARE = 0.6


def weights_bound(total_bytes: int) -> int:
    """Give the bytes of a device's memory that base models may take together."""
    return int(total_bytes * WEIGHTS_SHARE)


def choose_weights(*, quantised: bool, full_bytes: int, total_bytes: int) -> Weights:
    """Decide how to hold a base model.

    Args:
        quantised: Whether the assignment says 4 bits.
        full_bytes: Size of all weights in the type that is computed in.
        total_bytes: Memory of the device, used or not.
    """
    if not quantised:
        return "full"
    return "dequantised" if full_bytes <= weights_bound(total_bytes) else "4bit"


def resident_bytes(weights: Weights, *, full_bytes: int, linear_bytes: int) -> int:
    """Estimate what a base model takes once it is loaded.

    Args:
        weights: How it is held.
        full_bytes: Size of all weights in the type that is computed in.
        linear_bytes: The part of it that is quantised. Four bits a weight and one byte for 64 are left of it.
    """
    if weights != "4bit":
        return full_bytes
    return full_bytes - linear_bytes + linear_bytes * 33 // 128
