"""Grades one case and holds the result against what the case says, and the machine against what it was before."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from harness.model.catalogue import CATALOGUE

from .case import Case
from .engines import Place
from .grading import Batch, Graded, grade
from .host import Host, Own, differences, look
from .parts import adapter_file, good_submission

ROW = "hostile case"  # the property of a test report that holds a line of the summary
REFERENCE = "reference-that-nobody-may-see"
PRIVATE_INPUT = "instruction-of-row-"
EXIT_CODES: Mapping[str, int] = {"passed": 0, "failed": 1, "EnvironmentFault": 4, "SandboxFault": 5}
MOST_PEAK_BYTES = 200_000_000
MOST_GROWTH_BYTES = 150_000_000
MOST_NEW_DESCRIPTORS = 4
MOST_NEW_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the summary."""

    engine: str
    case: str
    wanted: str
    got: str
    seconds: float
    fine: bool


@dataclass(slots=True, kw_only=True)
class Suite:
    """The batch of one engine. `records` holds the digest of each record as it was written, `temporary` our TMPDIR,
    `began` what this process used before the first case."""

    place: Place
    batch: Batch
    adapter: Path
    folder: Path
    watched: tuple[Path, ...]
    temporary: Path
    began: Own
    graded: int = 0
    records: dict[Path, str] = field(default_factory=dict)

    def submission(self, student_id: str) -> Path:
        """Make a good submission."""
        folder = self.folder / "handed-in" / student_id
        good_submission(folder, self.adapter)
        return folder

    def next_id(self) -> str:
        """Give a student id that was not used yet."""
        self.graded += 1
        return f"r{self.graded:08}"

    def host(self) -> Host:
        """Look at the machine."""
        return look(self.folder, (*self.watched, self.temporary), self.place.client, image_id=self.place.image_id)

    def grade(self, hand_in: Path, student_id: str, limits: Mapping[str, Mapping[str, float]]) -> Graded:
        """Grade, with other budgets if there are any, and note the record's digest."""
        graded = grade(hand_in, self._with(limits), student_id=student_id)
        record = graded.folder / "record.json"
        self.records[record] = _digest(record)
        return graded

    def _with(self, limits: Mapping[str, Mapping[str, float]]) -> Batch:
        if not limits:
            return self.batch
        folder = self.folder / "assignment-of-case"
        shutil.copytree(self.batch.assignment, folder, dirs_exist_ok=True)
        rules = yaml.safe_load((self.batch.assignment / "assignment.yaml").read_text(encoding="utf-8"))
        for stage, values in limits.items():
            rules["stages"][stage] |= values
        (folder / "assignment.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
        # Other rules are another run.
        return replace(self.batch, assignment=folder, run_folder=self.folder / "runs-of-cases" / f"{self.graded}")

    def changed_records(self) -> list[str]:
        """Name the records that are no longer what was written."""
        return [str(path) for path, digest in self.records.items() if not path.is_file() or _digest(path) != digest]


def stop_before_scoring(case: Case, folder: Path) -> frozenset[str]:
    """Spoil what comes after the case's stage, so that nothing is scored; give the code that this adds.

    A case that stops the grading itself needs none of it.
    """
    stops = any(CATALOGUE[code].severity == "error" for code in case.codes)
    if case.scored or (stops and case.stage in ("intake", "fetch", "admit")):
        return frozenset()
    if case.stage == "render":
        adapter_file(folder, "adapter_model.safetensors").unlink()
        return frozenset({"ADM001"})
    (folder / "utils.py").unlink()
    return frozenset({"REN001"})


def problems(graded: Graded, wanted: frozenset[str], suite: Suite, *, fault: str | None = None) -> list[str]:
    """Name everything about the record that is not as it must be."""
    record = graded.record
    found = []
    if graded.codes != wanted:
        seen = [f"{one['code']} {one['seen'][:300]} {one.get('staff_detail') or ''}" for one in graded.findings()]
        found.append(f"must end in {sorted(wanted)}, ended in {sorted(graded.codes)}: {seen}")
    if (record["fault"] or {}).get("kind") != fault:
        found.append(f"must be the fault {fault}, is {record['fault']}")
    failed = any(one["severity"] == "error" for one in graded.findings())
    outcome = "not_graded" if fault else "failed" if failed else "passed"
    if record["outcome"] != outcome or graded.exit_code != EXIT_CODES[fault or outcome]:
        found.append(f"outcome {record['outcome']}, exit code {graded.exit_code}\n{graded.text[-2000:]}")
    if PRIVATE_INPUT in graded.public():
        found.append("private input can be seen by the student")
    if any(REFERENCE.encode() in path.read_bytes() for path in graded.folder.rglob("*") if path.is_file()):
        found.append("a reference is in the student's results")
    if "\x1b" in graded.text:
        found.append("an escape sequence reaches the terminal")
    if left := [path.name for path in map(suite.batch.run_folder.joinpath, ("scratch", "adapters")) if path.exists()]:
        found.append(f"scratch folder not empty: {left}")
    return found


def host_problems(before: Host, after: Host, own_before: Own, own_after: Own) -> list[str]:
    """Name what the case changed on the machine and in this process."""
    found = differences(before, after)
    grown = own_after.peak_bytes - max(own_before.peak_bytes, own_before.resident_bytes)
    if grown > MOST_PEAK_BYTES:
        found.append(f"the harness's memory rose by {grown / 1e6:.0f} MB")
    if own_after.descriptors > own_before.descriptors + MOST_NEW_DESCRIPTORS:
        found.append(f"open files: {own_before.descriptors} before, {own_after.descriptors} after")
    if own_after.threads > own_before.threads + MOST_NEW_THREADS:
        found.append(f"threads: {own_before.threads} before, {own_after.threads} after")
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
