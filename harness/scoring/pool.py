"""Several base models on one device, by size; the one unused for longest makes room. Knows no torch: it is told how."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from harness.scoring.protocol import BaseSpec
from harness.scoring.refusal import BaseModelError

Loaded = TypeVar("Loaded")


class BasePool(Generic[Loaded]):
    """Base models that are loaded, at most `bound_bytes` of them together."""

    def __init__(
        self,
        load: Callable[[BaseSpec], Loaded],
        *,
        size: Callable[[BaseSpec], int],
        bound_bytes: int,
        after_eviction: Callable[[], None] = lambda: None,
    ) -> None:
        """Make an empty pool.

        Args:
            load: Loads a base model.
            size: Says what it will take on the device, before it is loaded.
            bound_bytes: Most that all take together.
            after_eviction: Gives the memory of what was dropped back to the device.
        """
        self._load = load
        self._size = size
        self._bound_bytes = bound_bytes
        self._after_eviction = after_eviction
        self._held: OrderedDict[BaseSpec, tuple[Loaded, int]] = OrderedDict()

    @property
    def held(self) -> tuple[BaseSpec, ...]:
        """What is loaded, the one unused for longest first."""
        return tuple(self._held)

    def get(self, spec: BaseSpec) -> Loaded:
        """Give a base model; load it where it is not there, after making room.

        Raises:
            BaseModelError: It is larger than the whole pool, or does not load.
        """
        if spec in self._held:
            self._held.move_to_end(spec)
            return self._held[spec][0]
        needed = self._size(spec)
        if needed > self._bound_bytes:
            needs = f"the base model needs {needed / 1e9:.1f} GB"
            raise BaseModelError(f"{needs}, all together may take {self._bound_bytes / 1e9:.1f} GB")
        self._make_room(needed)
        loaded = self._load(spec)
        self._held[spec] = (loaded, needed)
        return loaded

    def _make_room(self, needed: int) -> None:
        evicted = False
        while sum(size for _, size in self._held.values()) + needed > self._bound_bytes:
            self._held.popitem(last=False)
            evicted = True
        if evicted:
            self._after_eviction()
