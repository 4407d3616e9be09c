"""A node's grader and what it sends back, without a cluster: everything real but the programs, which only take time."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.kills import records
from harness.batch.delivery import Delivery, KeptFile, most_kept_bytes, take_in
from harness.batch.machine import Sizes
from harness.batch.node import NodeGrader, Opened, Opening, Told, opening_of, uuid_of
from harness.batch.parcel import pack
from harness.batch.plan import Plan
from harness.batch.store import RunStore
from harness.errors import EnvironmentFault, SandboxFault
from harness.model.event import Event, StageEnded, StageStarted, Waiting
from harness.model.result import Fault, Outcome
from harness.sandbox import private_folder

from .conftest import School

MakeSchool = Callable[[int], School]


def opened(plan: Plan, opening: Opening | None = None) -> tuple[NodeGrader, Opened | Fault]:
    node = NodeGrader()
    return node, node.open(opening or opening_of(plan), sizes=Sizes(fetch=1, cpu=1, run=1), gpu=None)


def send(node: NodeGrader, plan: Plan, tmp_path: Path, *, number: int = 0) -> str:
    submission, ticket = plan.submissions[number], f"ticket-{number}"
    parcel = pack(submission, plan.assignment.submission, tmp_path / "parcel.tar")
    content = parcel.path.read_bytes()
    for start in range(0, len(content), 10_000):  # in pieces
        node.receive(ticket, content[start : start + 10_000])
    node.start(ticket, submission, is_folder=parcel.is_folder, order=number)
    return ticket


def end_of(node: NodeGrader, ticket: str, events: list[Event] | None = None) -> Told:
    while True:
        told = node.follow(ticket)
        if events is not None:
            events += told.events
        if told.delivery or told.fault or told.cancelled:
            return told


def folders(place: Path) -> list[str]:
    return [one.name for one in place.glob(f"{private_folder._PREFIX}*")]


def test_what_comes_back_is_what_would_lie_here(
    make_school: MakeSchool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    school = make_school(2)
    node, found = opened(school.plan)
    assert found == Opened(sandbox="process", image_id=None, in_flight=6, gpu=None)
    store, events = RunStore(tmp_path / "back"), list[Event]()
    for number, submission in enumerate(school.plan.submissions):
        told = end_of(node, send(node, school.plan, tmp_path, number=number), events)
        assert told.delivery is not None
        take_in(told.delivery, store, submission_id=submission.id, assignment=school.plan.reference)
    school.grade()
    assert records(store.root) == records(school.run_folder)
    kinds = [type(one) for one in events]
    assert (kinds.count(Waiting), kinds.count(StageStarted), kinds.count(StageEnded)) == (16, 16, 16)
    assert [type(one) for one in events[:3]] == [Waiting, StageStarted, StageEnded]
    assert not (store.root / "scratch" / "r00000000").exists()
    (own,) = folders(tmp_path)
    assert [path for path in (tmp_path / own).rglob("*") if path.is_file() and path.suffix == ".json"] == []
    node.close()
    assert folders(tmp_path) == []


def test_cancelled_nothing_comes_back(make_school: MakeSchool, tmp_path: Path) -> None:
    school = make_school(1)
    school.seconds = lambda submission, stage: 60.0 if stage == "run" else 0.0
    node, _ = opened(school.plan)
    ticket = send(node, school.plan, tmp_path)
    threading.Timer(1.0, node.close).start()
    began = time.monotonic()
    assert end_of(node, ticket) == Told(events=(), cancelled=True)
    assert time.monotonic() - began < 10


def test_a_fault_of_a_stage_comes_back_as_a_record(make_school: MakeSchool, tmp_path: Path) -> None:
    school = make_school(1)

    def before(submission: str, stage: str) -> None:
        raise EnvironmentFault("The engine is gone.", remedy="Start it.")

    school.before = before
    node, _ = opened(school.plan)
    told = end_of(node, send(node, school.plan, tmp_path))
    node.close()
    assert told.delivery is not None and told.delivery.record.outcome is Outcome.NOT_GRADED
    assert told.delivery.record.fault is not None and told.delivery.record.fault.message == "The engine is gone."


def test_a_parcel_that_cannot_be_unpacked_is_a_fault(make_school: MakeSchool) -> None:
    school = make_school(1)
    node, _ = opened(school.plan)
    node.receive("torn", b"no tar at all")
    node.start("torn", school.plan.submissions[0], is_folder=True, order=0)
    told = end_of(node, "torn")
    node.close()
    assert told.fault is not None and "ReadError" in told.fault.message


@pytest.mark.parametrize(
    ("spoil", "message", "remedy"),
    [
        (lambda one: replace(one, package="0"), "has the driver's version, but other files.", "same commit"),
        (
            lambda one: replace(one, base={**one.base, "tokenizer.json": "1"}),
            "is another one than the driver's: tokenizer.json.",
            "Copy the driver's folder",
        ),
        (
            lambda one: replace(one, plan=replace(one.plan, base_path=Path("/nowhere/Qwen3-4B"))),
            "There is no base model at /nowhere/Qwen3-4B: no config.json.",
            "the path is the same on all nodes",
        ),
    ],
)
def test_a_node_that_differs_says_in_what(
    spoil: Callable[[Opening], Opening], message: str, remedy: str, make_school: MakeSchool
) -> None:
    plan = make_school(1).plan
    _, found = opened(plan, spoil(opening_of(plan)))
    assert isinstance(found, Fault) and found.kind == "EnvironmentFault"
    assert found.message.endswith(message) and remedy in found.remedy


@pytest.fixture
def delivery(make_school: MakeSchool, tmp_path: Path) -> tuple[Delivery, Plan]:
    plan = make_school(1).plan
    node, _ = opened(plan)
    told = end_of(node, send(node, plan, tmp_path))
    node.close()
    assert told.delivery is not None
    return told.delivery, plan


def change(one: Delivery) -> Delivery:
    return replace(one, files=(replace(one.files[0], content=b"changed"), *one.files[1:]))


def lose(one: Delivery) -> Delivery:
    return replace(one, files=one.files[1:])


def add(one: Delivery) -> Delivery:
    return replace(one, files=(*one.files, KeptFile(path="more", content=b"")))


def of_another(one: Delivery) -> Delivery:
    return replace(one, record=replace(one.record, submission=replace(one.record.submission, id="r99999999")))


def lead_out(one: Delivery) -> Delivery:
    files = tuple(replace(file, path=f"../../{number}") for number, file in enumerate(one.files))
    pairs = zip(one.record.evidence, files, strict=True)
    evidence = tuple(replace(listed, path=file.path) for listed, file in pairs)
    return replace(one, record=replace(one.record, evidence=evidence), files=files)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (change, "evidence is not what the record says"),
        (lose, "evidence is not what the record says"),
        (add, "evidence is not what the record says"),
        (of_another, "a record of something else came back"),
        (lead_out, "evidence leads out of its folder"),
    ],
)
def test_what_is_not_what_its_record_says_is_not_taken_in(
    spoil: Callable[[Delivery], Delivery], why: str, delivery: tuple[Delivery, Plan], tmp_path: Path
) -> None:
    came, plan = delivery
    store = RunStore(tmp_path / "back")
    with pytest.raises(SandboxFault, match=f"sent back of r00000000 cannot be used: {why}"):
        take_in(spoil(came), store, submission_id="r00000000", assignment=plan.reference)
    assert not store.root.exists()


def test_what_is_kept_is_bounded(make_school: MakeSchool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_school(1).plan
    assert most_kept_bytes(plan.assignment, examples=250) < 500_000_000
    monkeypatch.setattr("harness.batch.node.most_kept_bytes", lambda assignment, examples: 1000)
    node, _ = opened(plan)
    told = end_of(node, send(node, plan, tmp_path))
    node.close()
    assert told.fault is not None and told.fault.kind == "SandboxFault"
    assert "no more than 0 MB are sent back" in told.fault.message


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has a GPU")
def test_the_gpu_of_a_node() -> None:
    assert uuid_of("GPU-aa") == "GPU-aa"
    with pytest.raises(EnvironmentFault, match="This node has no NVIDIA driver, but was started with GPUs"):
        uuid_of("0")
