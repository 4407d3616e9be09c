import numpy as np
import pytest

from harness.similarity.tensors import to_floats


def test_each_dtype_is_read_exactly() -> None:
    values = np.array([[1.0, -2.5, 0.0], [65280.0, -0.0, 2.0**-20]], np.float32)
    bf16 = (values.view(np.uint32) >> 16).astype("<u2")
    for dtype, data in (("F32", values.astype("<f4")), ("BF16", bf16), ("F16", values.astype("<f2"))):
        read = to_floats(data.tobytes(), dtype, (2, 3))
        assert read.dtype == np.float32 and np.array_equal(read, values), dtype


def test_other_types_and_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="a tensor of I8 is not read"):
        to_floats(b"\0", "I8", (1,))
    with pytest.raises(ValueError, match="cannot reshape"):
        to_floats(bytes(8), "F32", (3,))
