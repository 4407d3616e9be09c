"""How often and when a download is tried again. Pure but for the clock that it is given."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """Exponential back-off with jitter.

    Attributes:
        tries: All tries together.
        first_s: The longest wait before the second one.
        factor: How much longer each further wait may be.
        clock: Seconds of a clock that only goes forward.
        sleep: Waits some seconds; what it raises ends the stage.
    """

    tries: int = 4
    first_s: float = 3.0
    factor: float = 4.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def wait_s(self, done: int, *, seed: str) -> float | None:
        """Give the seconds to wait after some tries, or None where there are no more.

        Half of a wait is sure and half by chance, so that submissions that failed together do not come back together.

        Args:
            done: Tries made so far, at least one.
            seed: Makes the chance the same each time for a submission, and another for the next one.
        """
        if done >= self.tries:
            return None
        longest_s = self.first_s * self.factor ** (done - 1)
        return longest_s * (0.5 + 0.5 * Random(f"{seed} {done}").random())
