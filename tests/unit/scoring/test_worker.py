"""The worker as a real process, in the surroundings that a container gives it: the package folder and nothing more."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import harness
from harness.errors import EnvironmentFault
from harness.model.assignment import Quantization
from harness.scoring.client import converse, encode_requests, worker_command
from harness.scoring.local import local_worker
from harness.scoring.protocol import Failure, Progress, PromptedExample, Ready, Request, Result

pytestmark = pytest.mark.torch

MakeBase = Callable[..., Path]
FULL = Quantization(load_in_4bit=False)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    shutil.copytree(Path(harness.__file__).parent, tmp_path / "mounted" / "harness")
    return {**os.environ, "PYTHONPATH": str(tmp_path / "mounted"), "OMP_NUM_THREADS": "1"}


def command(base: Path) -> tuple[str, ...]:
    return worker_command(sys.executable, str(base), quantization=FULL, device="auto", dtype="float32", max_tokens=2048)


def test_bad_adapter_and_bad_prompt_cost_their_request_only(
    make_base: MakeBase,
    adapter: Path,
    examples: tuple[PromptedExample, ...],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    (tmp_path / "bad").mkdir()
    long = PromptedExample(id="long", prompt="x" * 9000, output="y")
    requests = (
        Request(id="good", adapter=str(adapter), examples=examples),
        Request(id="bad", adapter=str(tmp_path / "bad"), examples=examples),
        Request(id="long", adapter=None, examples=(long,)),
        Request(id="again", adapter=str(adapter), examples=examples),
    )
    events: list[Ready | Progress] = []
    log = tmp_path / "log"
    with local_worker(command(make_base()), environment=environment, log=log) as worker:
        answers = converse(requests, worker.lines, send=worker.send, on_event=events.append)
    assert answers.unanswered == (), log.read_text()
    good, bad, too_long, again = (answers.outcomes[one.id] for one in requests)
    assert isinstance(good, Result) and isinstance(again, Result)
    assert again.examples == good.examples
    assert [one.id for one in good.examples] == [one.id for one in examples]
    missing = "adapter_config.json cannot be used: no such file or directory"
    assert bad == Failure(id="bad", kind="adapter", message=missing)
    assert isinstance(too_long, Failure) and too_long.kind == "example"
    assert too_long.message.startswith("example 'long': the prompt has ")
    assert events[0] == answers.ready and answers.ready.dtype == "float32"
    assert set(answers.ready.versions) >= {"torch", "transformers", "peft", "bitsandbytes"}
    assert Progress(id="good", done=len(examples), total=len(examples)) in events


def test_all_requests_beforehand_and_output_read_afterwards(
    make_base: MakeBase, examples: tuple[PromptedExample, ...], environment: dict[str, str]
) -> None:
    """What a container gets: a whole standard input, then its end."""
    request = Request(id="base", adapter=None, examples=examples)
    ended = subprocess.run(
        command(make_base()),
        input=b"this is no request\n" + encode_requests([request]),
        capture_output=True,
        env=environment,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    first, second, *rest = ended.stdout.decode().splitlines()
    assert '"event": "ready"' in first
    assert '"kind": "internal"' in second and "saw 'this is no request" in second
    assert isinstance(converse([request], [first, *rest]).outcomes["base"], Result)


def test_unusable_base_is_a_fault_of_the_environment(environment: dict[str, str], tmp_path: Path) -> None:
    with (
        local_worker(command(tmp_path / "nowhere"), environment=environment, log=tmp_path / "log") as worker,
        pytest.raises(EnvironmentFault, match="the scoring worker cannot work: the base model is not a folder"),
    ):
        converse([], worker.lines)


def test_import_path_holds_the_standard_library_and_this_package_alone(environment: dict[str, str]) -> None:
    """Python without site-packages can import the worker: nothing of the host's packages is needed before torch."""
    ended = subprocess.run(
        [sys.executable, "-S", "-m", "harness.scoring.worker", "--help"],
        capture_output=True,
        env=environment,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout == b"" and b"--base-model" in ended.stderr


def test_packages_that_are_missing_are_named(environment: dict[str, str], tmp_path: Path) -> None:
    words = command(tmp_path)
    ended = subprocess.run([words[0], "-S", *words[1:]], input=b"", capture_output=True, env=environment, timeout=60)
    assert ended.returncode == 1
    with pytest.raises(EnvironmentFault, match="needs is not installed: No module named 'torch'"):
        converse([], ended.stdout.decode().splitlines())


@pytest.mark.slow
def test_a_lack_of_memory_costs_its_request_only(
    make_base: MakeBase,
    adapter: Path,
    examples: tuple[PromptedExample, ...],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    """The address space is closed between two requests and opened again: nothing is pretended."""
    long = tuple(PromptedExample(id=str(one), prompt="子曰" * 300, output="學而" * 300) for one in range(40))
    first, large, last = (
        Request(id=name, adapter=str(adapter), examples=many)
        for name, many in (("first", examples), ("large", long), ("last", examples))
    )
    with local_worker(command(make_base()), environment=environment, log=tmp_path / "log") as worker:
        before = converse([first], worker.lines, send=worker.send)
        taken = psutil.Process(worker.pid).memory_info().vms
        psutil.Process(worker.pid).rlimit(psutil.RLIMIT_AS, (taken, psutil.RLIM_INFINITY))
        failed = converse([large], worker.lines, send=worker.send, ready=before.ready).outcomes["large"]
        psutil.Process(worker.pid).rlimit(psutil.RLIMIT_AS, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
        after = converse([last], worker.lines, send=worker.send, ready=before.ready)
    assert isinstance(failed, Failure) and failed.kind == "internal"
    assert "memory" in failed.message.lower()
    answers = before.outcomes["first"], after.outcomes["last"]
    assert isinstance(answers[0], Result) and isinstance(answers[1], Result)
    assert answers[0].examples == answers[1].examples
