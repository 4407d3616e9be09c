"""A run folder of a class that never was: plausible records and evidence, made from a seed, graded by nobody.

Findings, points, scores and the text of records come from the grader's own functions; what programs would have done is
drawn by lot. For looking at reports and for measuring them.
"""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness import __version__
from harness.files import sha256_file, write_json, write_whole
from harness.grading.rubric import Measured
from harness.grading.verdict import decide
from harness.model.assignment import Assignment, BaseModel, Example
from harness.model.finding import Finding, Location, finding, has_error
from harness.model.result import (
    AssignmentRef,
    Evidence,
    ExampleScore,
    Fault,
    Outcome,
    Receipt,
    Record,
    Score,
    StageResult,
    StageStatus,
    SubmissionRef,
    TextMetrics,
)
from harness.model.run import Run, RunSubmission
from harness.model.zones import read_time
from harness.schema.assignment import LoadedAssignment, load_assignment, load_examples
from harness.schema.record import record_text
from harness.schema.run import run_text
from harness.scoring.definition import aggregate
from harness.scoring.protocol import example_to_json

NEEDS = {
    "intake": (),
    "fetch": ("intake",),
    "admit": ("fetch",),
    "render": ("admit",),
    "run": ("render",),
    "validate": ("run",),
    "score": ("render",),
    "compare": ("validate",),
}
SECONDS = {
    "intake": 0.05,
    "fetch": 14,
    "admit": 0.4,
    "render": 2.2,
    "run": 260,
    "validate": 0.01,
    "score": 4,
    "compare": 0.9,
}
MEMORY = {"fetch": 60e6, "render": 310e6, "run": 6.1e9, "compare": 70e6}
WELL = {
    "intake": "18 files",
    "fetch": "2 files, 66.1 MB",
    "admit": "LoRA of rank 16",
    "render": "40 prompts",
    "run": "predictions written",
    "validate": "40 of 40 predictions",
    "score": "",
    "compare": "",
}
BAD = {
    "fetch": "no usable adapter",
    "admit": "not admitted",
    "run": "run.sh failed",
    "validate": "not valid",
}
IMAGE = "sha256:" + "5e" * 32


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What goes wrong for some: at which stage, and what is found there."""

    weight: int
    stage: str
    findings: tuple[Finding, ...]


def troubles() -> tuple[Trouble, ...]:
    """Give the usual ones; about one in three students has one."""
    log = 'Its last lines:\nTraceback (most recent call last):\n  File "/submission/predict.py", line 41, in <module>\n'
    run, down = Location(path="run.sh", line=7), Location(path="download.sh", line=3)
    rows = Location(path="predictions.json", line=212, column=5)
    return (
        Trouble(weight=66, stage="", findings=()),
        Trouble(
            weight=9,
            stage="run",
            findings=(
                finding(
                    "RUN003",
                    "run.sh ended with exit code 1.",
                    limit="exit code 0",
                    where=run,
                    staff_detail=f"{log}FileNotFoundError: [Errno 2] No such file or directory: '/home/student/base'",
                ),
            ),
        ),
        Trouble(
            weight=6, stage="validate", findings=(finding("VAL003", "17 missing", limit="each of the 40 ids once"),)
        ),
        Trouble(
            weight=4,
            stage="fetch",
            findings=(
                finding(
                    "FET013",
                    "adapter_checkpoint.zip is a web page: “Google Drive – Quota exceeded”.",
                    limit="a zip archive",
                    where=down,
                ),
            ),
        ),
        Trouble(
            weight=4,
            stage="admit",
            findings=(
                finding("ADM003", "adapter_model.safetensors has 132 MB (33.0M values in fp32)", limit="100 MB"),
            ),
        ),
        Trouble(
            weight=4,
            stage="run",
            findings=(
                finding("RUN001", "run.sh was still running after 3600 s and was ended.", limit="3600 s", where=run),
            ),
        ),
        Trouble(
            weight=3,
            stage="validate",
            findings=(
                finding(
                    "VAL002",
                    "something else (predictions on private data are shown to the staff alone)",
                    limit="a string",
                    where=rows,
                    staff_detail="predictions.json:212:5 at /52/output: a number, 3, where a string is expected",
                ),
            ),
        ),
    )


def notes() -> tuple[Finding, ...]:
    """Give warnings and notes that do no harm."""
    return (
        finding("INT013", "`gdown --id` in line 3", where=Location(path="download.sh", line=3)),
        finding("INT012", "`python3.10` in line 5", where=Location(path="run.sh", line=5)),
        finding("INT023", "The first line is `set -e`.", where=Location(path="run.sh", line=1)),
    )


@dataclass(kw_only=True)
class Class:
    """Writes a run folder.

    Args:
        root: The run folder.
        assignment: Folder of the assignment.
        seed: Another one makes another class.
    """

    root: Path
    assignment: Path
    seed: int = 13
    lot: random.Random = field(init=False)
    loaded: LoadedAssignment = field(init=False)

    def __post_init__(self) -> None:
        self.lot = random.Random(self.seed)
        self.loaded = load_assignment(self.assignment)
        rules: Assignment = self.loaded.assignment
        data = self.loaded.folder / rules.data.private
        self.examples: tuple[Example, ...] = load_examples(data)
        self.base: BaseModel = rules.base_models[0]
        self.reference = AssignmentRef(
            name=rules.name,
            sha256=self.loaded.sha256,
            base_model=self.base.name,
            split="private",
            data_sha256=sha256_file(data),
        )
        self.base_scores = tuple(self._example(one, 42.0, 0.5) for one in self.examples)

    def write(self, count: int) -> None:
        """Write `count` submissions, and the run."""
        ids = [f"r{13921001 + number}" for number in range(count)]
        for submission_id in ids:
            self.write_one(submission_id)
        run = Run(
            harness_version=__version__,
            started_at="2027-01-02T09:00:00+00:00",
            assignment=self.reference,
            assignment_path=str(self.assignment.resolve()),
            base_path="/models/Qwen3-4B",
            base_digest="0" * 64,
            sandbox="docker",
            image_lock="/srv/course/image.lock",
            image_id=IMAGE,
            allow_process=False,
            submissions=tuple(RunSubmission(id=one, source=f"/srv/course/handed-in/{one}.zip") for one in ids),
        )
        write_whole(self.root / "run.json", run_text(run).encode())

    def write_one(self, submission_id: str) -> Record:
        """Write one submission's folder."""
        folder = self.root / "submissions" / submission_id
        kinds = troubles()
        (trouble,) = self.lot.choices(kinds, [one.weight for one in kinds])
        faulty = self.lot.random() < 0.02
        stages = self._stages(trouble, faulty)
        passed = {one.stage for one in stages if one.status is StageStatus.PASSED}
        score = self._score(folder) if "score" in passed else None
        text = self._text(folder) if "compare" in passed else None
        said = {
            "score": f"perplexity {score.perplexity:.3f}, base {score.base_perplexity:.3f}" if score else "",
            "compare": f"chrF++ {text.chrf:.2f}, BLEU {text.bleu:.2f}" if text else "",
        }
        stages = tuple(replace(one, summary=said.get(one.stage) or one.summary) for one in stages)
        self._logs(folder, passed, trouble)
        submitted_at = self._submitted_at()
        measured = Measured(valid_predictions="validate" in passed, score=score)
        found = [one for stage in stages for one in stage.findings]
        record = Record(
            harness_version=__version__,
            graded_at=(datetime(2027, 1, 2, 9, tzinfo=UTC) + timedelta(seconds=self.lot.randrange(20_000))).isoformat(),
            outcome=Outcome.NOT_GRADED if faulty else Outcome.FAILED if has_error(found) else Outcome.PASSED,
            sandbox="docker",
            isolated=True,
            image_id=IMAGE,
            assignment=self.reference,
            submission=SubmissionRef(
                id=submission_id,
                source=f"{submission_id}.zip",
                tree_sha256=self.lot.randbytes(32).hex(),
                adapter_sha256=self.lot.randbytes(32).hex() if "admit" in passed else None,
                submitted_at=submitted_at.isoformat(),
            ),
            stages=stages,
            score=None if faulty else score,
            text=None if faulty else text,
            verdict=None if faulty else decide(self.loaded.assignment, self.base, measured, submitted_at=submitted_at),
            fault=Fault(
                kind="EnvironmentFault",
                message="The driver lost GPU 2 in stage score.",
                remedy="Reset the GPU, then `harness grade --resume`.",
            )
            if faulty
            else None,
            evidence=(),
        )
        return keep(record, folder)

    def _stages(self, trouble: Trouble, faulty: bool) -> tuple[StageResult, ...]:
        results: dict[str, StageResult] = {}
        for name, needs in NEEDS.items():
            blockers = [one for one in needs if results[one].status is not StageStatus.PASSED]
            if blockers:
                results[name] = _idle(name, StageStatus.SKIPPED, f"needs {', '.join(blockers)}")
            elif faulty and name == "score":
                results[name] = _idle(name, StageStatus.FAULT, "not the submission's fault")
                break
            else:
                found = trouble.findings if name == trouble.stage else ()
                if name == "intake":
                    found = (*found, *(one for one in notes() if self.lot.random() < 0.15))
                results[name] = self._stage(name, found)
        return tuple(results.values())

    def _stage(self, name: str, found: tuple[Finding, ...]) -> StageResult:
        limits = getattr(self.loaded.assignment.stages, name, None)
        budget_s = limits.timeout_s if limits else None
        seconds = SECONDS[name] * math.exp(self.lot.gauss(0, 0.7 if name in {"fetch", "run"} else 0.25))
        seconds = min(seconds, 0.97 * budget_s) if budget_s else seconds
        if any(one.code == "RUN001" for one in found):
            seconds = 3600.4
        receipt = None
        if name in MEMORY:
            failed = bool(found) and name == "run"
            gpu = name == "run"
            receipt = Receipt(
                cause="deadline" if seconds > 3600 else "exited",
                exit_code=None if seconds > 3600 else int(failed),
                signal=None,
                duration_s=round(seconds * 0.98, 3),
                peak_memory_bytes=int(MEMORY[name] * math.exp(self.lot.gauss(0, 0.3))),
                sandbox="docker",
                image_id=IMAGE,
                gpu_uuid="GPU-7f3c9a52-4d1e-4b7a-9c55-0a1b2c3d4e5f" if gpu else None,
                gpu_name="NVIDIA H100 80GB HBM3" if gpu else None,
                gpu_seconds=round(seconds * 0.98, 3) if gpu else None,
                gpu_busy_seconds=round(seconds * 0.98 * self.lot.uniform(0.2, 0.8), 3) if gpu else None,
                peak_vram_bytes=int(7.4e9 * math.exp(self.lot.gauss(0, 0.35))) if gpu else None,
            )
        bad = has_error(found)
        return StageResult(
            stage=name,
            status=StageStatus.FAILED if bad else StageStatus.PASSED,
            summary=BAD[name] if bad else WELL[name],
            duration_s=round(seconds, 3),
            budget_s=budget_s,
            findings=found,
            receipt=receipt,
        )

    def _score(self, folder: Path) -> Score:
        level = math.exp(self.lot.gauss(2.1, 0.42)) * (12 if self.lot.random() < 0.04 else 1)
        adapter = tuple(self._example(one, level, 0.55) for one in self.examples)
        characters = sum(len(one.output) for one in self.examples)
        base = aggregate(self.base_scores, characters=characters)
        total = aggregate(adapter, characters=characters, base_perplexity=base.perplexity)
        rows = {"base": self.base_scores, "adapter": adapter}
        evidence = {name: [example_to_json(one) for one in scores] for name, scores in rows.items()}
        write_json(folder / "evidence" / "score.json", {"score": asdict(total), **evidence})
        return total

    def _example(self, example: Example, level: float, spread: float) -> ExampleScore:
        tokens = max(2, round(len(example.output) * 0.8))
        nll = tokens * max(0.05, self.lot.gauss(math.log(level), spread))
        return ExampleScore(id=example.id, tokens=tokens, nll_nats=nll, perplexity=math.exp(nll / tokens))

    def _text(self, folder: Path) -> TextMetrics:
        rows = [{"id": one.id, "output": self._prediction(one.output)} for one in self.examples]
        write_json(folder / "predictions.json", rows)
        text = TextMetrics(
            examples=len(rows),
            chrf=self.lot.uniform(18, 34),
            chrf_signature="nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:2.6.0",
            bleu=self.lot.uniform(8, 24),
            bleu_signature="nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|version:2.6.0",
            exact_match=self.lot.choice((0, 0, 1, 2)) / len(rows),
            length_ratio=self.lot.uniform(0.85, 1.2),
            empty=0.0,
            copied=self.lot.choice((0, 0, 0, 1)) / len(rows),
        )
        each = [{"id": one.id, "chrf": self.lot.uniform(5, 60)} for one in self.examples]
        write_json(folder / "evidence" / "compare.json", {"text": asdict(text), "examples": each})
        return text

    def _prediction(self, reference: str) -> str:
        start = self.lot.randrange(max(1, len(reference) // 2))
        return reference[:start] + reference[start + self.lot.randrange(4) :]

    def _logs(self, folder: Path, passed: set[str], trouble: Trouble) -> None:
        lines: Mapping[str, str] = {
            "fetch.stdout": "",
            "fetch.stderr": "Downloading...\nTo: /submission/adapter_checkpoint.zip\n100%|██████████| 66.1M/66.1M\n",
            "run.stdout": "".join(f"{done}/40 answered\n" for done in range(0, 41, 8)),
            "run.stderr": "" if "run" in passed else json.dumps([one.seen for one in trouble.findings]) + "\n",
        }
        for name, text in lines.items():
            write_whole(folder / "logs" / f"{name}.log", text.encode())

    def _submitted_at(self) -> datetime:
        late = self.loaded.assignment.late
        assert late is not None, "the homework has a late policy"
        deadline = read_time(late.deadline, late.zone)
        hours = self.lot.uniform(1, 60) if self.lot.random() < 0.12 else -abs(self.lot.gauss(0, 30))
        return (deadline + timedelta(hours=hours)).replace(microsecond=0)


def keep(record: Record, folder: Path) -> Record:
    """Write a record into its folder, with what lies there as evidence."""
    (folder / "record.json").unlink(missing_ok=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    evidence = tuple(Evidence(path=str(path.relative_to(folder)), sha256=sha256_file(path)) for path in files)
    record = replace(record, evidence=evidence)
    write_whole(folder / "record.json", record_text(record).encode())
    return record


def _idle(stage: str, status: StageStatus, summary: str) -> StageResult:
    return StageResult(stage=stage, status=status, summary=summary, duration_s=0.0)
