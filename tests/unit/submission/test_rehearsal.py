"""The line before the first step: how much there is to do, and for how many."""

import pytest

pytest.importorskip("torch")

from training.rehearsal import estimate

pytestmark = pytest.mark.torch


def test_one_is_one_and_processes_share_the_time() -> None:
    one = estimate(steps=1, examples_per_step=1, tokens=1000, pass_tokens=100, pass_s=4.0, processes=1)
    assert one.startswith("1 update of 1 example, 1,000 tokens; the largest batch has 100 tokens")
    assert one.endswith(": about 40 s")
    two = estimate(steps=3, examples_per_step=16, tokens=1000, pass_tokens=100, pass_s=4.0, processes=2)
    assert two.startswith("3 updates of 16 examples, 1,000 tokens on 2 processes; the largest")
    assert two.endswith(": about 20 s")
