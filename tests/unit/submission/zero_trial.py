"""ZeRO-2's updates beside those of one process, as `accelerate launch` starts it: `zero_trial.py NOTE`.

Writes in the first process how far apart weights and norms are, and what each process keeps.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn
from training.together import Together
from training.updates import Rules, Updates
from training.zero_updates import ZeroUpdates

SHAPES = ((16, 64), (128, 16), (7,), (16, 33))
STEPS = 8


def main(note: Path) -> None:
    together = Together()
    rules = Rules(optimizer="adamw", learning_rate=1e-2, weight_decay=0.1, max_grad_norm=1.0, warmup_steps=2, steps=20)
    found: dict[str, Any] = {}
    for dtype in (torch.float32, torch.bfloat16):
        shared, plain = ZeroUpdates(weights(dtype), together, rules), Updates(weights(dtype), together, rules)
        norms = []
        for step in range(STEPS):
            source = torch.Generator().manual_seed(1000 * step + together.index)
            shared.clear()
            plain.clear()
            for one, other in zip(shared.parameters, plain.parameters, strict=True):
                gradient = 0.01 * torch.randn(one.shape, generator=source)
                one.grad += gradient.to(dtype)
                other.grad += gradient.to(dtype)
            (norm, rate), (expected, same) = shared.step(), plain.step()
            assert rate == same
            norms.append(abs(norm / expected - 1))
        pairs = list(zip(shared.parameters, plain.parameters, strict=True))
        alike = sum(int(one.isclose(other, rtol=1e-5).sum()) for one, other in pairs)
        equal = alike / sum(one.numel() for one, _ in pairs)
        kept = shared.state()
        if together.first:
            copies = torch.cat([copy.flatten() for part in kept["parts"] for copy in part["copies"]])
            exact = torch.cat([copy.detach().flatten() for copy in plain._copies])
            furthest = float((copies[: len(exact)] - exact).abs().max())
            found[str(dtype)] = {"norms": max(norms), "equal": equal, "copies": furthest, "parts": len(kept["parts"])}
    if together.first:
        note.write_text(json.dumps(found))
    together.end()


def weights(dtype: torch.dtype) -> list[nn.Parameter]:
    source = torch.Generator().manual_seed(0)
    return [nn.Parameter((0.05 * torch.randn(shape, generator=source)).to(dtype)) for shape in SHAPES]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
