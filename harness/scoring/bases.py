"""The engines of one worker: a pool by size, and beside each what it was made of. Knows no request and no adapter."""

import gc
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.scoring.base import Device, Dtype, plan_weights, total_memory_bytes
from harness.scoring.engine import Engine, free_memory
from harness.scoring.placement import weights_bound
from harness.scoring.pool import BasePool
from harness.scoring.protocol import BaseInfo, BaseSpec
from harness.scoring.weights import check_digest, fingerprint


class Bases:
    """Loads engines on demand and keeps as many as the bound allows."""

    def __init__(
        self, *, device: Device, dtype: Dtype, bound_bytes: int | None = None, digest_cache: Path | None = None
    ) -> None:
        """Make an empty set.

        Args:
            device: Where all of them compute.
            dtype: Type of all weights that are not quantised.
            bound_bytes: Most that all base models take together; None is a share of the device's memory.
            digest_cache: Where digests of files are kept, see `weights.fingerprint`.

        Raises:
            BaseModelError: There is no such device.
        """
        self._device: Device = device
        self._dtype: Dtype = dtype
        self._digest_cache = digest_cache
        bound = weights_bound(total_memory_bytes(device)) if bound_bytes is None else bound_bytes
        self._pool = BasePool(self._load, size=self._size, bound_bytes=bound, after_eviction=self.free_memory)

    def get(self, spec: BaseSpec) -> tuple[Engine, BaseInfo | None]:
        """Give the engine of a base model, and what was loaded if it had to be.

        Raises:
            BaseModelError: It cannot be used, is too large, or is not the one that was asked for.
        """
        fresh = spec not in self._pool.held
        engine, info = self._pool.get(spec)
        return engine, info if fresh else None

    def free_memory(self) -> None:
        """Give memory that nothing holds any more back to the device."""
        gc.collect()
        free_memory()

    def _size(self, spec: BaseSpec) -> int:
        return plan_weights(Path(spec.path), quantization=spec.quantization, device=self._device, dtype=self._dtype)[1]

    def _load(self, spec: BaseSpec) -> tuple[Engine, BaseInfo]:
        """Load a base model while its files are hashed."""
        started = time.monotonic()
        with ThreadPoolExecutor(1) as thread:
            digests = thread.submit(fingerprint, Path(spec.path), cache=self._digest_cache)
            engine = Engine(
                spec.path,
                quantization=spec.quantization,
                device=self._device,
                dtype=self._dtype,
                max_tokens=spec.max_tokens,
            )
        files = digests.result()
        check_digest(files, spec.sha256)
        return engine, BaseInfo(
            path=spec.path,
            weights=engine.weights,
            bytes=engine.weights_bytes,
            seconds=round(time.monotonic() - started, 3),
            files=files,
        )
