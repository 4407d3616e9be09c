"""Render: calls the student's get_prompt and get_bnb_config in a container without network; JSON comes back."""

import json
from pathlib import Path
from typing import Any

from harness.files import NotPlain, is_plain, read_untrusted, write_json
from harness.language import Message, message, verbatim
from harness.model.assignment import Example, Quantization, ScoringRules
from harness.model.finding import Finding, Location, finding
from harness.model.result import StageResult
from harness.model.submission import Submission
from harness.sandbox.interface import Job, Mount
from harness.stages.context import Context, Workspace
from harness.stages.outcome import Clock, done
from harness.stages.program import Codes, bad_end, limits_of, receipt_of
from harness.text import visible

PROGRAM = Path(__file__).parent / "inside" / "render.py"
CODES = Codes(deadline="REN005", limit="REN005", failed="REN002", not_found="REN002")
SPARE_BYTES = 1_000_000


def render(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Make the prompts of all examples and check them and the quantisation."""
    clock = Clock()
    rules = context.assignment.stages.render
    candidates = context.assignment.submission.prompt_files
    utils = next((name for name in candidates if is_plain(workspace.tree, name)), None)
    if utils is None:
        limit = message("one of {values}", values=tuple(candidates))
        missing = finding("REN001", message("none of the files is there"), limit=limit)
        return done("render", clock, [missing], summary=message("no prompts"), budget_s=rules.timeout_s)
    output = Mount(source=workspace.scratch / "rendered", target="/output", writable=True)
    output.source.mkdir()
    job = _job(context, workspace, utils, output)
    ended = context.sandbox.run(job)
    failure = bad_end(ended, job, command=utils, codes=CODES, quote=context.split == "public")
    findings, prompts = ([failure], []) if failure else _read(context, output.source, utils)
    if not findings:
        write_json(workspace.prompts, prompts)
    return done(
        "render",
        clock,
        findings,
        summary=message("no prompts") if findings else message("{count} prompts", count=len(prompts)),
        budget_s=rules.timeout_s,
        receipt=receipt_of(ended, context.sandbox),
    )


def _job(context: Context, workspace: Workspace, utils: str, output: Mount) -> Job:
    sandbox = context.sandbox
    tree = Mount(source=workspace.tree, target="/submission")
    given = Mount(source=workspace.input, target="/input")
    program = Mount(source=PROGRAM, target="/opt/render.py")
    paths = (
        sandbox.path(program),
        sandbox.path(tree, utils),
        sandbox.path(given, "input.json"),
        sandbox.path(output, "prompts.json"),
    )
    return Job(
        name="render",
        argv=("python3", *paths),
        mounts=(tree, given, program, output),
        workdir=tree,
        limits=limits_of(context.assignment.stages.render),
        log_dir=workspace.logs,
    )


def _read(context: Context, folder: Path, utils: str) -> tuple[list[Finding], list[dict[str, str]]]:
    # A character takes six bytes at most, written as an escape.
    max_bytes = SPARE_BYTES + len(context.examples) * 6 * context.assignment.scoring.max_prompt_characters
    try:
        rendered = json.loads(read_untrusted(folder, "prompts.json", max_bytes=max_bytes))
        rows, config = rendered["prompts"], rendered["bnb_config"]
        prompts = {row["id"]: row["prompt"] for row in rows}
    except (NotPlain, ValueError, TypeError, KeyError, RecursionError) as error:
        seen = message("{file} left no readable prompts", file=utils)
        return [finding("REN002", seen, staff_detail=visible(str(error)))], []
    where = Location(path=utils)
    findings = [
        *check_prompts(prompts, context.examples, rules=context.assignment.scoring, where=where),
        *check_quantization(
            config, context.assignment.scoring.quantization, where=where, quote=context.split == "public"
        ),
    ]
    return findings, [{"id": example.id, "prompt": prompts[example.id]} for example in context.examples if not findings]


def check_prompts(
    prompts: dict[str, Any], examples: tuple[Example, ...], *, rules: ScoringRules, where: Location
) -> list[Finding]:
    """Check that each prompt is a string, holds its instruction and keeps to the length limit; one finding at most."""
    wrong = [(example.id, fault) for example in examples if (fault := _fault(prompts.get(example.id), example, rules))]
    if not wrong:
        return []
    first, fault = wrong[0]
    seen = message(
        "{count} of {total} prompts; the first, for id {id}: {fault}",
        count=len(wrong),
        total=len(examples),
        id=visible(first),
        fault=fault,
    )
    limit = message("a string of 1 to {most} characters", most=rules.max_prompt_characters)
    return [finding("REN003", seen, limit=limit, where=where)]


def _fault(prompt: object, example: Example, rules: ScoringRules) -> Message | None:
    if not isinstance(prompt, str):
        return message("get_prompt returned {type}, not a string", type=type(prompt).__name__)
    if example.instruction.strip() not in prompt:
        return message("the instruction is not in it")
    if len(prompt) > rules.max_prompt_characters:
        return message("it has {count} characters", count=len(prompt))
    try:
        prompt.encode("utf-8")
    except UnicodeEncodeError:
        return message("it holds half a character (a lone surrogate)")
    return None


def check_quantization(config: object, allowed: Quantization, *, where: Location, quote: bool) -> list[Finding]:
    """Compare what get_bnb_config returned with the assignment's settings; one finding for all that differ.

    Its values are public only with `quote`: the function could read the input.
    """
    given = config if isinstance(config, dict) else {}
    wanted: dict[str, object] = {"load_in_4bit": allowed.load_in_4bit}
    if allowed.load_in_4bit:
        wanted |= {
            "bnb_4bit_quant_type": allowed.bnb_4bit_quant_type,
            "bnb_4bit_use_double_quant": allowed.bnb_4bit_use_double_quant,
            "bnb_4bit_compute_dtype": allowed.bnb_4bit_compute_dtype,
        }
    differing = [key for key, value in wanted.items() if _plain(given.get(key)) != value]
    if not differing:
        return []
    values = ", ".join(f"{key}={visible(str(given.get(key)), 40)}" for key in differing)
    seen = verbatim(values) if quote else message("other values of {names}", names=tuple(differing))
    limit = verbatim(", ".join(f"{key}={wanted[key]}" for key in differing))
    return [finding("REN004", seen, limit=limit, where=where, staff_detail=None if quote else values)]


def _plain(value: object) -> object:
    return value.removeprefix("torch.") if isinstance(value, str) else value
