"""`harness score`: perplexity of adapters on this machine, without a submission. Declares options, calls, prints."""

import json
import math
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

import harness
from harness.errors import EXIT_FOUND_ERRORS, ConfigError, EnvironmentFault, SandboxFault
from harness.files import json_text
from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.gate import WEIGHTS
from harness.language import verbatim
from harness.model.assignment import Quantization
from harness.model.result import Score
from harness.scoring import protocol
from harness.scoring.client import Answers, worker_command
from harness.scoring.definition import aggregate
from harness.scoring.local import local_worker
from harness.scoring.protocol import Failure, PromptedExample, Request, Result
from harness.scoring.resident import ResidentWorker
from harness.scoring.weights import digest_of

BASE = "base model"
LOG_TAIL = 2000
LOCAL_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate")


@click.command()
@click.argument("adapters", metavar="ADAPTER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--base-model", required=True, type=click.Path(path_type=Path), help="Folder of the base model.")
@click.option("--references", required=True, type=click.Path(path_type=Path), help="JSON: [{id, prompt, output}].")
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda")), default="auto", show_default=True)
@click.option(
    "--dtype",
    type=click.Choice(("auto", "float32", "bfloat16", "float16")),
    default="auto",
    show_default=True,
    help="Of unquantised weights; auto is bfloat16 on cuda, float32 on cpu.",
)
@click.option("--quantization", type=click.Choice(("nf4", "none")), default="nf4", show_default=True)
@click.option("--max-tokens", type=click.IntRange(min=3), default=2048, show_default=True)
@click.option("--format", "output_format", type=click.Choice(("table", "json")), default="table", show_default=True)
@click.option("--no-base", is_flag=True, help="Do not score the bare base model.")
@click.pass_context
def score(
    context: click.Context,
    adapters: tuple[Path, ...],
    base_model: Path,
    references: Path,
    device: str,
    dtype: str,
    quantization: str,
    max_tokens: int,
    output_format: str,
    no_base: bool,
) -> None:
    """Score LoRA adapters by perplexity on a base model.

    A reference without a prompt is given its instruction, verbatim. Exit code 1: an adapter was refused, or has no
    finite score.
    """
    _check_paths(adapters, base_model)
    examples = read_references(references)
    _check_packages()
    command = worker_command(
        sys.executable,
        str(base_model),
        quantization=Quantization(load_in_4bit=quantization == "nf4"),
        device=device,
        dtype=dtype,
        max_tokens=max_tokens,
    )
    requests = [] if no_base else [Request(id=BASE, adapter=None, examples=examples)]
    for path in {path.resolve(): path for path in adapters}.values():
        label = f"./{path}" if str(path) == BASE else str(path)
        requests.append(Request(id=label, adapter=str(path), examples=examples))
    answers = _ask(command, requests)
    scores = _aggregate(answers, characters=sum(len(one.output) for one in examples))
    if output_format == "json":
        click.echo(json_text(as_json(answers, scores)), nl=False)
    else:
        Console().print(as_table(answers, scores))
    refused = [outcome for outcome in answers.outcomes.values() if isinstance(outcome, Failure)]
    faults = [outcome for outcome in refused if _is_fault(outcome)]
    if faults:
        raise SandboxFault(faults[0].message, remedy="Its last words are above; a lack of memory leaves none.")
    if refused or not all(map(_is_finite, scores.values())):
        context.exit(EXIT_FOUND_ERRORS)


def read_references(path: Path) -> tuple[PromptedExample, ...]:
    """Read a JSON array of objects with the strings id, output, and prompt or instruction.

    Raises:
        ConfigError: The file is missing or holds something else.
    """
    remedy = 'Give a JSON array of objects such as {"id": "1", "prompt": "...", "output": "..."}.'
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"references {path} cannot be read: {why}", remedy=remedy) from error
    if not isinstance(rows, list) or not any(isinstance(row, dict) and row.get("output") for row in rows):
        raise ConfigError(f"references {path} hold no row with an output", remedy=remedy)
    return tuple(_example(row, f"references {path}, row {number}", remedy) for number, row in enumerate(rows, start=1))


def as_json(answers: Answers, scores: Mapping[str, Score]) -> dict[str, object]:
    """Give figures and per-example evidence as JSON values."""
    return {
        "device": answers.ready.device,
        "dtype": answers.ready.dtype,
        "versions": dict(answers.ready.versions),
        "weights": answers.ready.base.weights,
        "base_sha256": digest_of(answers.ready.base.files),
        "results": [_row_as_json(name, answers, scores) for name in answers.outcomes],
    }


def as_table(answers: Answers, scores: Mapping[str, Score]) -> Table:
    """Give one line for the base model and each adapter."""
    title = f"{answers.ready.device}, {answers.ready.dtype}, torch {answers.ready.versions.get('torch', '?')}"
    table = Table("model", title=title, title_justify="left")
    for heading in ("PPL", "of base", "corpus PPL", "bits/char", "tokens"):
        table.add_column(heading, justify="right")
    for name, outcome in answers.outcomes.items():
        if isinstance(outcome, Failure):
            word = "not scored" if _is_fault(outcome) else "refused"
            table.add_row(escape(name), escape(f"{word}: {outcome.message}"))
            continue
        one = scores[name]
        if not _is_finite(one):
            table.add_row(escape(name), "no finite score")
            continue
        ratio = f"{one.perplexity / one.base_perplexity:.3f}" if BASE in scores else "-"
        figures = (f"{one.perplexity:.4f}", ratio, f"{one.corpus_perplexity:.4f}", f"{one.bits_per_character:.4f}")
        table.add_row(escape(name), *figures, str(one.tokens))
    return table


def _is_finite(score: Score) -> bool:
    return math.isfinite(score.perplexity) and math.isfinite(score.corpus_perplexity)


def _check_paths(adapters: Sequence[Path], base_model: Path) -> None:
    if not base_model.is_dir():
        raise ConfigError(f"base model {base_model} is not a folder", remedy="Give the folder of the base model.")
    for adapter in adapters:
        missing = [name for name in (CONFIG, WEIGHTS) if not (adapter / name).is_file()]
        if missing:
            message = f"adapter {adapter} lacks {' and '.join(missing)}"
            raise ConfigError(message, remedy="Give the folder that peft's save_pretrained wrote.")


def _check_packages() -> None:
    missing = [name for name in LOCAL_PACKAGES if find_spec(name) is None]
    if missing:
        message = f"scoring on this machine needs {', '.join(missing)}"
        raise EnvironmentFault(message, remedy="Install them: pip install '.[local]' in the project's folder")


def _example(row: object, where: str, remedy: str) -> PromptedExample:
    fields = row if isinstance(row, dict) else {}
    values: dict[str, Any] = {name: fields.get(name) for name in ("id", "prompt", "output")}
    if "prompt" not in fields:
        values["prompt"] = fields.get("instruction")
    for name, value in values.items():
        if not isinstance(value, str):
            raise ConfigError(f"{where}: {name} is not a string, saw {json.dumps(value)[:80]}", remedy=remedy)
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise ConfigError(f"{where}: {name} holds half of a character (a lone surrogate)", remedy=remedy)
    return PromptedExample(**values)


class _Bars:
    """Progress on standard error: one bar for loading, then one a request."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.progress = Progress(SpinnerColumn(), *columns, console=Console(stderr=True), transient=True)
        self._loading = self.progress.add_task("loading the base model", total=None)
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: protocol.Event) -> None:
        if not isinstance(event, protocol.Progress):
            self.progress.update(self._loading, visible=False)
            return
        if event.id not in self._tasks:
            self._tasks[event.id] = self.progress.add_task(escape(event.id), total=event.total)
        self.progress.update(self._tasks[event.id], completed=event.done)


def _ask(command: Sequence[str], requests: Sequence[Request]) -> Answers:
    """Have all requests answered by one warm worker; one over which it dies twice costs that request only."""
    package = str(Path(harness.__file__).parent.parent)
    search = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": search}
    bars, outcomes = _Bars(), dict[str, Result | Failure]()
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch, "worker.log")
        start = partial(local_worker, command, environment=environment, log=log)
        try:
            with bars.progress, ResidentWorker(start, on_event=bars) as worker:
                for request in requests:
                    outcomes[request.id] = _outcome(worker, request)
        except (EnvironmentFault, SandboxFault):
            _show_log(log)
            raise
        if any(_is_fault(outcome) for outcome in outcomes.values()):
            _show_log(log)
    assert worker.ready is not None
    return Answers(ready=worker.ready, outcomes=outcomes, unanswered=())


def _outcome(worker: ResidentWorker, request: Request) -> Result | Failure:
    try:
        return worker.score(request)
    except SandboxFault as fault:
        if worker.ready is None:
            raise
        return Failure(id=request.id, kind="internal", message=verbatim(str(fault)))


def _is_fault(outcome: Result | Failure) -> bool:
    return isinstance(outcome, Failure) and outcome.kind == "internal"


def _show_log(log: Path) -> None:
    if log.is_file():
        click.echo(log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:], err=True)


def _aggregate(answers: Answers, *, characters: int) -> dict[str, Score]:
    scores: dict[str, Score] = {}
    for name, outcome in answers.outcomes.items():
        if not isinstance(outcome, Failure):
            base = scores[BASE].perplexity if BASE in scores else None
            scores[name] = aggregate(outcome.examples, characters=characters, base_perplexity=base)
    return scores


def _row_as_json(name: str, answers: Answers, scores: Mapping[str, Score]) -> dict[str, object]:
    outcome = answers.outcomes[name]
    if isinstance(outcome, Failure):
        return {"model": name, "error": {"kind": outcome.kind, "message": outcome.message}}
    figures: dict[str, object] = {key: protocol.number_to_json(value) for key, value in asdict(scores[name]).items()}
    if BASE not in scores:
        figures["base_perplexity"] = None
    return {"model": name, "score": figures, "examples": [protocol.example_to_json(one) for one in outcome.examples]}
