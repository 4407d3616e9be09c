"""The receipt on its way: out of a submission, whatever it holds, and into the run folder of a check."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.files import write_json
from harness.model.finding import Severity
from harness.model.parity import MOST_FILES, RECEIPT, ParityFile
from harness.model.result import Fault, Record
from harness.schema.parity import parity_text
from harness.stages.context import Workspace
from harness.stages.parity import receipt_of, take_receipt, with_parity, write_receipt


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(scratch=tmp_path / "scratch", kept=tmp_path / "kept", adapter=tmp_path / "adapter")
    made.make()
    made.tree.mkdir()
    write_json(made.files, [{"path": "run.sh", "kind": "x", "sha256": "a" * 64}])
    return made


def public(record: Record) -> Record:
    return replace(record, assignment=replace(record.assignment, split="public"))


def test_a_check_leaves_a_receipt_and_grading_reads_it(record: Record, workspace: Workspace) -> None:
    write_receipt(public(record), workspace, packages={"torch": "2.13.0"})
    content = json.loads(workspace.receipt.read_text())
    assert content["packages"] == {"torch": "2.13.0"} and content["files"][0]["path"] == "run.sh"
    assert [one["budget_s"] for one in content["stages"]] == [None, 60.0, None]
    (workspace.tree / RECEIPT).write_bytes(workspace.receipt.read_bytes())
    assert take_receipt(workspace) == []
    assert with_parity(record, workspace) == record
    other = replace(record, image_id="sha256:" + "1" * 64)
    intake, *rest = with_parity(other, workspace).stages
    assert [one.code for one in intake.findings] == ["PAR004"]
    assert intake.status == record.stages[0].status and rest == list(record.stages[1:])


def test_no_receipt_for_grading_or_after_a_fault(record: Record, fault: Fault, workspace: Workspace) -> None:
    write_receipt(record, workspace, packages={})
    write_receipt(replace(public(record), fault=fault), workspace, packages={})
    assert not workspace.receipt.exists()
    assert take_receipt(workspace) == [] and with_parity(record, workspace) == record


def test_many_files_are_not_listed(record: Record) -> None:
    files = tuple(ParityFile(path=f"{number}.py", kind="-", sha256="a" * 64) for number in range(MOST_FILES + 1))
    assert receipt_of(record, files=files, packages={}).files == ()
    assert len(receipt_of(record, files=files[1:], packages={}).files) == MOST_FILES


def changed(record: Record, **values: object) -> bytes:
    content = json.loads(parity_text(receipt_of(record, files=(), packages={})))
    return json.dumps({**content, **values}).encode()


HOSTILE = {
    "10 MB": (b'{"a": "' + b"x" * 10_000_000 + b'"}', "check_receipt.json: larger than 0.2 MB."),
    "empty": (b"", "It holds "),
    "deep": (b"[" * 100_000, "It holds "),
    "no UTF-8": (b'{"a": "\xff"}', "It holds "),
    "NaN": (b'{"schema": NaN}', "It holds NaN."),
    "a list": (b"[]", "It holds an empty list."),
    "another format": (b'{"schema": "parity.v2"}', "It holds "),
    "a key twice": (b'{"schema": "parity.v1", "schema": "parity.v1"}', "It holds a key for the second time."),
    "escapes": (b'{"\\u001b[31mred\\u001b]0;t\\u0007": 1}', "It holds "),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_receipt_is_told_and_ignored(workspace: Workspace, record: Record, name: str) -> None:
    content, words = HOSTILE[name]
    (workspace.tree / RECEIPT).write_bytes(content)
    (found,) = take_receipt(workspace)
    assert found.code == "PAR001" and found.severity is Severity.INFO
    assert found.seen.startswith(words)
    assert not any(ord(char) < 32 for char in found.seen + found.limit + str(found.where))
    assert len(found.seen) < 500
    assert with_parity(record, workspace) == record


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"adapter_sha256": "A" * 64}, "It holds"),
        ({"perplexity": -1}, "It holds the number -1."),
        ({"perplexity": "12"}, 'It holds "12".'),
        ({"stages": [1] * 41}, "It holds"),
        ({"image_id": "x" * 10_000}, "It holds"),
        ({"packages": {"torch": 3}}, "It holds the number 3."),
        ({"extra": 1}, "It holds the unknown key `extra`."),
    ],
)
def test_wrong_values_are_told(workspace: Workspace, record: Record, values: dict[str, object], words: str) -> None:
    (workspace.tree / RECEIPT).write_bytes(changed(record, **values))
    (found,) = take_receipt(workspace)
    assert found.code == "PAR001" and found.seen.startswith(words)


def test_links_and_folders_are_not_read(workspace: Workspace, tmp_path: Path, record: Record) -> None:
    (tmp_path / "secret").write_bytes(changed(record))
    (workspace.tree / RECEIPT).symlink_to(tmp_path / "secret")
    assert [one.seen for one in take_receipt(workspace)] == ["check_receipt.json: too many levels of symbolic links."]
    assert not (workspace.tree / RECEIPT).is_symlink() and (tmp_path / "secret").exists()
    (workspace.tree / RECEIPT).mkdir()
    assert [one.seen for one in take_receipt(workspace)] == ["check_receipt.json: not a plain file."]


def test_escapes_in_a_valid_receipt_are_made_visible(workspace: Workspace, record: Record) -> None:
    (workspace.tree / RECEIPT).write_bytes(changed(record, assignment="\x1b[31mred", base_model="\u202egpj"))
    assert take_receipt(workspace) == []
    seen = [one.seen for one in with_parity(record, workspace).stages[0].findings]
    assert seen == ["Your check was of `\\x1b[31mred`."]
