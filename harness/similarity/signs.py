"""Random signs that are the same on every machine and in every term. Must not know what they are for.

SHAKE-256 (FIPS 202) of a label: no random generator, whose stream a library may change.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from harness.similarity.tensors import Floats


def signs(label: str, count: int) -> Floats:
    """Give `count` values of -1 or 1 that belong to `label`."""
    data = hashlib.shake_256(label.encode()).digest(-(-count // 8))
    bits: NDArray[np.uint8] = np.unpackbits(np.frombuffer(data, np.uint8), count=count)
    return bits.astype(np.float32) * np.float32(2) - np.float32(1)
