"""Raw little-endian bytes of a tensor as numpy floats. Must not know files or adapters."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def to_floats(data: bytes, dtype: str, shape: tuple[int, ...]) -> Floats:
    """Give the values as fp32, which holds every value of bf16 and fp16 exactly.

    Args:
        data: Little-endian values without gap.
        dtype: ``BF16``, ``F16`` or ``F32``, as safetensors names them.
        shape: The tensor's shape.

    Raises:
        ValueError: Another dtype, or bytes that do not fill the shape.
    """
    match dtype:
        case "BF16":  # the upper half of a binary32; numpy has no such type
            values = (np.frombuffer(data, "<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)
        case "F16":
            values = np.frombuffer(data, "<f2").astype(np.float32)
        case "F32":
            values = np.frombuffer(data, "<f4").astype(np.float32)
        case _:
            raise ValueError(f"a tensor of {dtype} is not read")
    return values.reshape(shape)
