"""Warm workers as real processes: a script that speaks the protocol, and the worker itself killed over its work."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import EnvironmentFault, SandboxFault
from harness.model.assignment import Quantization
from harness.scoring.client import worker_command
from harness.scoring.local import LocalWorker, local_worker
from harness.scoring.protocol import (
    BaseInfo,
    BaseSpec,
    Failure,
    Loaded,
    Progress,
    PromptedExample,
    Ready,
    Request,
    Result,
)
from harness.scoring.resident import ResidentWorker, Start

MakeBase = Callable[..., Path]

# Answers by the request's id: "die" kills it, "die-once" too, but only where the marker file is not there yet.
SCRIPT = """
import json, os, pathlib, sys
marker = pathlib.Path(sys.argv[1])
def say(**fields): print(json.dumps(fields), flush=True)
base = {"path": "/b", "weights": "full", "bytes": 1, "seconds": 0.5, "files": {}}
if marker.name == "useless":
    say(event="error", id=None, kind="base", message="no CUDA GPU answers")
    sys.exit(1)
say(event="ready", device="cpu", dtype="x", versions={"pid": str(os.getpid())}, base=base)
for line in sys.stdin:
    name = json.loads(line)["id"]
    say(event="progress", id=name, done=1, total=2)
    if name == "die" or (name == "die-once" and not marker.exists()):
        marker.touch()
        os.kill(os.getpid(), 9)
    kind = {"memory": "internal", "bad": "adapter"}.get(name)
    if kind:
        say(event="error", id=name, kind=kind, message=f"{name} message")
    else:
        say(event="result", id=name, examples=[])
"""


def request(name: str) -> Request:
    return Request(id=name, adapter=None, examples=())


class Starts:
    """Starts the script, and counts."""

    def __init__(self, folder: Path, marker: str = "marker") -> None:
        self.count = 0
        self._command = [sys.executable, "-c", SCRIPT, str(folder / marker)]
        self._log = folder / "log"

    @contextmanager
    def __call__(self) -> Iterator[LocalWorker]:
        self.count += 1
        with local_worker(self._command, environment=os.environ, log=self._log) as worker:
            yield worker


def test_one_worker_answers_request_after_request(tmp_path: Path) -> None:
    starts, events = Starts(tmp_path), list[object]()
    with ResidentWorker(starts, on_event=events.append) as worker:
        assert worker.ready is None and starts.count == 0
        for name in ("a", "b", "a"):
            assert worker.score(request(name)) == Result(id=name, examples=())
        assert worker.score(request("bad")) == Failure(id="bad", kind="adapter", message="bad message")
        assert worker.ready is not None and worker.ready.base.weights == "full"
        pid = int(worker.ready.versions["pid"])
    assert starts.count == 1
    assert [type(one) for one in events] == [Ready, *[Progress] * 4]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_that_dies_is_started_anew_and_asked_once_more(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    with ResidentWorker(starts) as worker:
        worker.score(request("a"))
        assert worker.score(request("die-once")) == Result(id="die-once", examples=())
        assert worker.score(request("b")) == Result(id="b", examples=())
    assert starts.count == 2


def test_a_worker_that_dies_twice_is_a_fault_that_costs_one_request(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    with ResidentWorker(starts) as worker:
        worker.score(request("a"))
        with pytest.raises(SandboxFault, match="failed 2 times over 'die': it ended without an answer") as caught:
            worker.score(request("die"))
        assert "standard error" in caught.value.remedy
        assert worker.score(request("b")) == Result(id="b", examples=())
    assert starts.count == 3


def test_an_internal_failure_gets_a_fresh_worker_then_is_a_fault(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    with (
        ResidentWorker(starts) as worker,
        pytest.raises(SandboxFault, match="failed 2 times over 'memory': memory message"),
    ):
        worker.score(request("memory"))
    assert starts.count == 2


def test_a_worker_that_cannot_work_is_a_fault_of_the_environment_at_once(tmp_path: Path) -> None:
    starts = Starts(tmp_path, "useless")
    with ResidentWorker(starts) as worker, pytest.raises(EnvironmentFault, match="no CUDA GPU answers"):
        worker.score(request("a"))
    assert starts.count == 1


@pytest.fixture
def start(make_base: MakeBase, tmp_path: Path) -> Start:
    """Give what starts the real worker; its process ids go into `pids`."""
    command = worker_command(
        sys.executable,
        str(make_base()),
        quantization=Quantization(load_in_4bit=False),
        device="cpu",
        dtype="float32",
        max_tokens=2048,
        digest_cache=str(tmp_path / "digests.json"),
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    @contextmanager
    def begin() -> Iterator[LocalWorker]:
        with local_worker(command, environment=environment, log=tmp_path / "log") as worker:
            (tmp_path / "pid").write_text(str(worker.pid))
            yield worker

    return begin


@pytest.mark.torch
@pytest.mark.slow
def test_the_real_worker_killed_over_its_work_gives_the_same_bits_at_the_second_try(
    start: Start, adapter: Path, examples: tuple[PromptedExample, ...], tmp_path: Path
) -> None:
    many = tuple(PromptedExample(id=f"{one.id}-{n}", prompt=one.prompt, output=one.output)
                 for n in range(30) for one in examples)  # fmt: skip
    killed: list[int] = []

    def kill_once(event: object) -> None:
        if isinstance(event, Progress) and event.id == "many" and not killed:
            killed.append(int((tmp_path / "pid").read_text()))
            os.kill(killed[0], signal.SIGKILL)

    with ResidentWorker(start, on_event=kill_once) as worker:
        first = worker.score(Request(id="first", adapter=str(adapter), examples=examples))
        again = worker.score(Request(id="many", adapter=str(adapter), examples=many))
        last = worker.score(Request(id="last", adapter=str(adapter), examples=examples))
    assert len(killed) == 1 and killed[0] != int((tmp_path / "pid").read_text())
    assert isinstance(first, Result) and isinstance(again, Result) and isinstance(last, Result)
    assert first.examples == last.examples
    assert len(again.examples) == len(many)


@pytest.mark.torch
@pytest.mark.slow
def test_the_real_worker_holds_several_bases_and_checks_what_they_are(
    start: Start, make_base: MakeBase, examples: tuple[PromptedExample, ...]
) -> None:
    events: list[object] = []
    nf4 = BaseSpec(path=str(make_base()), quantization=Quantization(load_in_4bit=True), max_tokens=2048)
    other = BaseSpec(path=str(make_base(tied=False)), quantization=Quantization(load_in_4bit=False), max_tokens=2048)
    wrong = BaseSpec(path=other.path, quantization=other.quantization, max_tokens=1024, sha256="ab")
    with ResidentWorker(start, on_event=events.append) as worker:
        scored = [
            worker.score(Request(id=str(number), adapter=None, examples=examples, base=base))
            for number, base in enumerate((None, nf4, other, nf4, None))
        ]
        with pytest.raises(EnvironmentFault, match=r"not the one that was asked for: SHA-256 \w{64}, expected ab"):
            worker.score(Request(id="wrong", adapter=None, examples=examples, base=wrong))
        assert worker.ready is None or worker.ready.base.weights == "full"
    figures = [one.examples for one in scored if isinstance(one, Result)]
    assert len(figures) == 5
    assert figures[0] == figures[4] != figures[1] == figures[3] != figures[2]
    loaded = [(one.id, one.base) for one in events if isinstance(one, Loaded)]
    assert [(name, base.weights) for name, base in loaded] == [("1", "dequantised"), ("2", "full")]
    ready = next(one.base for one in events if isinstance(one, Ready))
    assert isinstance(ready, BaseInfo) and ready.files == loaded[0][1].files != loaded[1][1].files
    assert set(ready.files) >= {"config.json", "model.safetensors", "tokenizer.json"}
