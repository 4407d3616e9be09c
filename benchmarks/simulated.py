"""A sandbox that does nothing but take time, and a class to grade in it: for measuring what is around the sandbox.

Everything but the programs is real: intake, the adapter gate, validation, records, the run folder. What programs would
write is written at once, then the time that the program would take passes, by a function of submission and stage.
"""

import json
import math
import shutil
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from harness.model.result import ExampleScore, TextMetrics
from harness.sandbox.cancel import Cancellation
from harness.sandbox.cause import Cause
from harness.sandbox.interface import Ended, Job, Mount
from harness.sandbox.session import Replies, Session
from harness.scoring.placement import Weights
from harness.scoring.protocol import BaseInfo, Ready, Result, decode_request, encode_reply
from harness.scoring.text_protocol import Compared, encode_compared

Seconds = Callable[[str, str], float]
_WEIGHTS: Weights = "4bit"
_PROMPT = "translate: "
_MODULES: Mapping[str, tuple[int, int]] = MappingProxyType({"model.layers.0.self_attn.q_proj": (8, 8)})
_RANK = 2


@dataclass(slots=True)
class SimulatedSandbox:
    """Stands in for the sandbox.

    Attributes:
        seconds: Tells how long a stage of a submission takes; both by name.
        before: Called at the start of each job with submission and stage; what it raises, `run` raises.
        most: How many jobs of each stage ran at the same time, at most.
    """

    seconds: Seconds
    before: Callable[[str, str], None] = lambda submission, stage: None
    most: dict[str, int] = field(default_factory=dict)
    name: str = "process"
    isolates: bool = True
    image_id: str | None = None
    _now: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cancellation: Cancellation = field(default_factory=Cancellation)

    def path(self, mount: Mount, relative: str = "") -> str:
        """Give the host's own path."""
        return str(mount.source / relative)

    def close(self) -> None:
        """Nothing is held."""

    def cancel(self) -> None:
        """End all."""
        self._cancellation.cancel()

    def host_address(self) -> str:
        """Give this machine."""
        return "127.0.0.1"

    def run(self, job: Job) -> Ended:
        """Write what the job's program would, and let its time pass."""
        submission = job.log_dir.parent.name
        self._cancellation.check()
        with self._counted(job.name):
            self.before(submission, job.name)
            job.log_dir.mkdir(parents=True, exist_ok=True)
            for log in (job.stdout_path, job.stderr_path):
                log.write_bytes(b"")
            _WRITES[job.name](job)
            seconds = self.seconds(submission, job.name)
            woken = threading.Event()
            with self._cancellation.waking(woken.set):
                woken.wait(seconds)
            self._cancellation.check()
        return Ended(cause=Cause.EXITED, exit_code=0, signal=None, duration_s=seconds, peak_memory_bytes=1_000_000)

    @contextmanager
    def serve(self, job: Job) -> Iterator[Session]:
        """Answer scoring requests, each after the time that it takes."""
        replies = Replies(job.stderr_path, limit_bytes=1000, silence_s=60)
        base = BaseInfo(path="base", weights=_WEIGHTS, bytes=1, seconds=0.0, files={})
        replies.write("stdout", encode_reply(Ready(device="cpu", dtype="float32", versions={}, base=base)).encode())

        def send(line: str) -> None:
            request = decode_request(line)
            if request.adapter is not None:
                with self._counted("score"):
                    time.sleep(self.seconds(Path(request.adapter).name, "score"))
            scores = tuple(ExampleScore(id=one.id, tokens=4, nll_nats=8.0, perplexity=7.4) for one in request.examples)
            replies.write("stdout", encode_reply(Result(id=request.id, examples=scores)).encode())

        try:
            with self._cancellation.waking(replies.end):
                yield Session(replies, send)
        finally:
            replies.close()

    @contextmanager
    def _counted(self, stage: str) -> Iterator[None]:
        with self._lock:
            self._now[stage] = self._now.get(stage, 0) + 1
            self.most[stage] = max(self.most.get(stage, 0), self._now[stage])
        try:
            yield
        finally:
            with self._lock:
                self._now[stage] -= 1


def _source(job: Job, target: str) -> Path:
    return next(one.source for one in job.mounts if one.target == target)


def _fetch(job: Job) -> None:
    tree = _source(job, "/submission")
    shutil.copytree(tree / "brought" / "adapter_checkpoint", tree / "adapter_checkpoint")


def _render(job: Job) -> None:
    rows = json.loads((_source(job, "/input") / "input.json").read_text(encoding="utf-8"))
    prompts = [{"id": row["id"], "prompt": _PROMPT + row["instruction"]} for row in rows]
    config = {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": "bfloat16",
    }
    text = json.dumps({"prompts": prompts, "bnb_config": config}, ensure_ascii=False)
    (_source(job, "/output") / "prompts.json").write_text(text, encoding="utf-8")


def _run(job: Job) -> None:
    rows = json.loads((_source(job, "/input") / "input.json").read_text(encoding="utf-8"))
    predictions = [{"id": row["id"], "output": row["instruction"]} for row in rows]
    text = json.dumps(predictions, ensure_ascii=False)
    (_source(job, "/output") / "predictions.json").write_text(text, encoding="utf-8")


def _compare(job: Job) -> None:
    rows = json.loads(job.stdin)["rows"]
    metrics = TextMetrics(
        examples=len(rows),
        chrf=1.0,
        chrf_signature="simulated",
        bleu=1.0,
        bleu_signature="simulated",
        exact_match=0.0,
        length_ratio=1.0,
        empty=0.0,
        copied=1.0,
    )
    job.stdout_path.write_text(encode_compared(Compared(metrics=metrics, chrf=(1.0,) * len(rows))))


_WRITES = {"fetch": _fetch, "render": _render, "run": _run, "compare": _compare}


def make_class(folder: Path, adapter: Path, *, students: int, root: Path) -> tuple[Path, ...]:
    """Make hand-ins with trivial scripts: an adapter brought along, the reference's prompts, predictions that copy.

    Args:
        folder: Where to; must not be there.
        adapter: Folder of an adapter that fits the base model.
        students: How many.
        root: Folder of the repository.
    """
    first = folder / "r00000000"
    (first / "submission").mkdir(parents=True)
    shutil.copy(root / "submission" / "utils.py", first / "submission")
    shutil.copytree(adapter, first / "brought" / "adapter_checkpoint")
    (first / "download.sh").write_text("#!/usr/bin/env bash\ncp -r brought/adapter_checkpoint .\n")
    (first / "run.sh").write_text(f'#!/usr/bin/env bash\npython3 - "$1" "$2" "$3" "$4" <<\'END\'\n{_COPY}END\n')
    others = [folder / f"r{number:08}" for number in range(1, students)]
    for other in others:
        shutil.copytree(first, other)
    for one in (first, *others):
        (one / "README.md").write_text(f"{one.name}\n")  # nobody's download is a recorded one of somebody else
    return (first, *others)


def make_base(folder: Path) -> Path:
    """Make what looks like a base model of the assignment: one linear layer of zeros; give its folder."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    _write_zeros(folder / "model.safetensors", {f"{name}.weight": shape for name, shape in _MODULES.items()})
    return folder


def make_adapter(folder: Path, *, modules: Mapping[str, tuple[int, int]] = _MODULES) -> Path:
    """Make an adapter of zeros, for `make_base` unless told; give its folder.

    Args:
        folder: Where to; must not be there.
        modules: Names of all layers of some kinds, with (out, in) of their weights.
    """
    folder.mkdir(parents=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "Qwen3-tiny",
        "r": _RANK,
        "lora_alpha": 2 * _RANK,
        "target_modules": sorted({name.rpartition(".")[2] for name in modules}),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    tensors = {}
    for name, (rows, columns) in modules.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = (_RANK, columns)
        tensors[f"base_model.model.{name}.lora_B.weight"] = (rows, _RANK)
    _write_zeros(folder / "adapter_model.safetensors", tensors)
    return folder


def _write_zeros(path: Path, shapes: Mapping[str, tuple[int, int]]) -> None:
    """Write tensors of float32 zeros: https://github.com/huggingface/safetensors, "Format"."""
    header: dict[str, object] = {}
    offset = 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))


_COPY = """import json, sys
with open(sys.argv[3], encoding="utf-8") as file:
    rows = json.load(file)
with open(sys.argv[4], "w", encoding="utf-8") as file:
    json.dump([{"id": row["id"], "output": row["instruction"]} for row in rows], file, ensure_ascii=False)
"""
