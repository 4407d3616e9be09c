"""train.py as `accelerate launch` starts it, in each process; notes beside the output how the base was shared out."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

SUBMISSION = Path(__file__).resolve().parents[3] / "submission"
sys.path.insert(0, str(SUBMISSION))


def main(note: Path, argv: list[str]) -> int:
    import train
    from torch.distributed.tensor import DTensor
    from training import together, trainer

    steps: list[list[int]] = []
    step = trainer.Trainer._batches

    def noted(self: Any, chosen: Any) -> Any:
        batches = step(self, chosen)
        steps.append([len(chosen), len(batches)])
        return batches

    def mortal(self: Any, number: int, chosen: Any) -> float:
        if (die_at := note.with_name("die_at")).exists() and number == int(die_at.read_text()):
            os.kill(os.getpid(), signal.SIGKILL)
        taken: float = take(self, number, chosen)
        return taken

    def shared(self: Any, root: Any, model: Any) -> None:
        whole = sum(one.numel() for one in root.parameters())
        share_layers(self, root, model)
        parts = [(one.requires_grad, one) for one in root.parameters()]
        here = sum((one.to_local() if isinstance(one, DTensor) else one).numel() for _, one in parts)
        trained_apart = sum(trains and isinstance(one, DTensor) for trains, one in parts)
        facts["shared"] = [whole, here, trained_apart]

    facts: dict[str, Any] = {}
    share_layers = together.Together.share_layers
    trainer.Trainer._batches = noted  # type: ignore[method-assign]
    together.Together.share_layers = shared  # type: ignore[method-assign]
    take = trainer.Trainer.step
    trainer.Trainer.step = mortal  # type: ignore[method-assign]
    status = train.main(argv)
    who = together.Together()
    facts |= {"steps": steps, "count": who.count}
    note.with_suffix(f".{who.index}.json").write_text(json.dumps(facts))
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
