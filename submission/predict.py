"""Answers every instruction of a file with the fine-tuned model: `predict.py BASE ADAPTER INPUT OUTPUT`.

INPUT is a JSON array of `{"id", "instruction"}`; OUTPUT becomes `[{"id", "output"}]` in the same order, whole or not at
all. Until then finished answers are kept in `OUTPUT.partial`, and the same command goes on from there. Needs no network
when BASE is a folder. How answers are made stands in `prediction/generation.py`. Must not know about references or
scores, and must not import torch before options and data are checked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapter.files import CONFIG_NAME, refuse_unusable
from adapter.fit import in_a_line, refuse_other_base
from adapter.swap import Slot, refuse_unfit
from base_model import explain_missing, load_base, load_tokenizer, prepare_libraries, text_config
from files import InputError, read_rows, write_json
from positions import most_tokens
from prediction.partial import Partial, digest, digest_of_row, old_path, partial_path, refuse_foreign
from progress import Progress, complain, say
from utils import get_bnb_config, get_prompt

if TYPE_CHECKING:
    from prediction.choice import Prompt

_SHOWN = 5
_TEMPERATURES = (0.001, 1000.0)
"""Beyond them probabilities are no numbers, or all alike."""


def build_parser() -> argparse.ArgumentParser:
    """Declare arguments and options."""
    parser = argparse.ArgumentParser(
        usage="%(prog)s BASE ADAPTER INPUT OUTPUT [options]",
        description="Answer the instructions of INPUT and write the answers to OUTPUT.",
    )
    parser.add_argument("base", metavar="BASE", help="folder or hub name of the base model")
    parser.add_argument("adapter", metavar="ADAPTER", type=Path, help="folder of the adapter")
    parser.add_argument("input", metavar="INPUT", type=Path, help='JSON array of {"id", "instruction"}')
    parser.add_argument("output", metavar="OUTPUT", type=Path, help='JSON array of {"id", "output"} to write')
    text = parser.add_argument_group("what decides the text")
    text.add_argument("--max_new_tokens", type=int, default=256, help="longest answer (default: 256)")
    text.add_argument(
        "--stop", action="append", default=[], metavar="TEXT", help="an answer ends before it; repeatable"
    )
    text.add_argument(
        "--temperature", type=float, default=0.0, help="0: the likeliest token; above: drawn (default: 0)"
    )
    text.add_argument("--top_p", type=float, default=1.0, help="draw from the likeliest tokens of this probability")
    text.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    fit = parser.add_argument_group("what fits into memory")
    fit.add_argument(
        "--batch_size", type=int, help="most answers at a time (default: 128 on a GPU, 16 on a CPU; fewer if need be)"
    )
    fit.add_argument(
        "--keep_4bit",
        action=argparse.BooleanOptionalAction,
        help="base weights stay in 4 bit: a third of their memory, hardly slower; on GPUs alone (default: if need be)",
    )
    return parser


def check_arguments(arguments: argparse.Namespace) -> list[dict[str, str]]:
    """Check all that can be checked before the model is loaded, and return the rows of INPUT.

    Raises:
        InputError: Something is missing, broken or out of range.
    """
    for name in ("batch_size", "max_new_tokens"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise InputError(f"--{name} is {value}; it must be at least 1")
    low, high = _TEMPERATURES
    if arguments.temperature != 0 and not low <= arguments.temperature <= high:
        raise InputError(f"--temperature is {arguments.temperature}; it must be 0, or between {low} and {high}")
    if not 0 < arguments.top_p <= 1:
        raise InputError(f"--top_p is {arguments.top_p}; it must be above 0 and at most 1")
    if arguments.top_p < 1 and arguments.temperature == 0:
        raise InputError("--top_p changes nothing without --temperature: give one above 0, or leave --top_p out")
    if "" in arguments.stop:
        raise InputError("--stop is empty; give the text that ends an answer")
    if arguments.input.is_dir() or not arguments.input.exists():
        seen = f"{arguments.input} is a folder" if arguments.input.is_dir() else f"there is no file {arguments.input}"
        raise InputError(f"INPUT: {seen}; the order is BASE ADAPTER INPUT OUTPUT")
    rows = read_rows(arguments.input, fields=("id", "instruction"))
    refuse_unusable(arguments.adapter)
    refuse_other_base(arguments.base, arguments.adapter)
    if arguments.output.is_symlink():  # what it leads to is written, and the link stays
        arguments.output = Path(os.path.realpath(arguments.output))
    _check_output(arguments.output, arguments.input)
    return rows


def _check_output(output: Path, source: Path) -> None:
    if output.is_dir():
        raise InputError(f"OUTPUT {output} is a folder; give the name of a file in it")
    for path in (output, partial_path(output), old_path(output)):
        if os.path.lexists(path) and not path.is_file():
            raise InputError(f"{path} is no plain file, and would be replaced by one; give another name as OUTPUT")
        if path.exists() and path.samefile(source):
            what = f"OUTPUT {output} is INPUT" if path == output else f"INPUT is {path}, where answers are kept"
            raise InputError(f"{what}; give another name as OUTPUT")
    refuse_foreign(output)
    if output.is_file() and not _is_prediction(output):
        raise InputError(
            f"OUTPUT {output} exists and holds no answers of predict.py, a list of {{id, output}}; remove it, or give "
            "another name"
        )
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder of OUTPUT {output}: {error.strerror}") from error
    if not os.access(output.parent, os.W_OK):
        raise InputError(f"cannot write into {output.parent}, where OUTPUT goes; check its permissions")


def _is_prediction(path: Path) -> bool:
    """Tell whether nothing is lost when a file is replaced: it is empty, or what an earlier call wrote."""
    if not path.stat().st_size:
        return True
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(rows, list) and all(isinstance(row, dict) and set(row) == {"id", "output"} for row in rows)


def load_model(base: str, adapter: Path, *, keep_4bit: bool | None = False) -> Any:
    """Load the base in NF4, put the adapter on it, and return the model, ready to answer.

    The adapter is not merged into the weights: rounding them again would change answers.

    Raises:
        InputError: The base cannot be loaded, or the adapter was trained on another one.
    """
    from peft import PeftModel
    from torch import OutOfMemoryError

    model = load_base(base, keep_4bit=keep_4bit)
    warnings.filterwarnings("ignore", message="Found missing adapter keys")  # said below, as an error
    try:
        model = PeftModel.from_pretrained(model, str(adapter))
    except OutOfMemoryError:
        raise
    except (ValueError, RuntimeError) as error:
        raise InputError(f"the adapter in {adapter} does not fit the base model {base}: {in_a_line(error)}") from error
    except (KeyError, TypeError, AttributeError) as error:
        words = f"{type(error).__name__}: {error}"
        raise InputError(
            f"PEFT takes no {adapter / CONFIG_NAME} like this ({words}); train or download again"
        ) from error
    refuse_unfit(adapter, Slot(model).tensors)
    return model.eval()


def predict(arguments: argparse.Namespace, rows: Sequence[dict[str, str]]) -> None:
    """Answer every row and write OUTPUT, going on from what an earlier run left."""
    names = ("max_new_tokens", "stop", "temperature", "top_p", "seed")
    settings = {name: getattr(arguments, name) for name in names} | {"quantised": get_bnb_config().to_dict()}
    common = digest(arguments.base, arguments.adapter, settings)
    digests = {row["id"]: digest_of_row(common, get_prompt(row["instruction"])) for row in rows}
    partial = Partial(arguments.output, digests)
    if partial.unused:
        say(f"not used: lines of {partial.path} that are of another run, or not whole: {partial.unused}")
    if partial.found:
        say(f"going on: {len(partial.found)} of {len(rows)} are answered in {partial.path}; delete it to begin anew")
    left = [row for row in rows if row["id"] not in partial.found]
    if left:
        answer(arguments, left, partial, total=len(rows))
    found = partial.found
    _tell("empty, which the grader counts as missing", [key for key in digests if not found[key]["output"]])
    cut = [key for key in digests if found[key]["cut"]]
    _tell(f"cut at --max_new_tokens {arguments.max_new_tokens}", cut)
    write_json(arguments.output, [{"id": row["id"], "output": found[row["id"]]["output"]} for row in rows])
    partial.remove()
    say(f"wrote {arguments.output}")


def answer(arguments: argparse.Namespace, rows: Sequence[dict[str, str]], partial: Partial, *, total: int) -> None:
    """Load the model, answer rows, and keep each answer as soon as it is finished."""
    tokenizer = load_tokenizer(arguments.base)
    model = load_model(arguments.base, arguments.adapter, keep_4bit=arguments.keep_4bit)
    from encoding import encode_prompt
    from prediction.choice import Decoding, Prompt
    from prediction.generation import Generator

    how = Decoding(
        max_new_tokens=arguments.max_new_tokens,
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        seed=arguments.seed,
        stop=tuple(arguments.stop),
    )
    prompts = [Prompt(ids=encode_prompt(tokenizer, row["instruction"]), key=row["id"]) for row in rows]
    _tell_of_long(model, prompts, how.max_new_tokens)
    partial.begin()
    if partial.others:
        old, count = partial.old_path, len(partial.others)
        say(f"kept {count} of another run in {old}; with its options, and under the name {partial.path}, they are used")
    with Progress(total, done=total - len(rows), verb="answered") as progress:
        for one in Generator(model, tokenizer, how, batch_size=arguments.batch_size).answer(prompts):
            partial.add(rows[one.number]["id"], output=one.text, cut=one.cut)
            progress.add(len(one.tokens))


def _tell_of_long(model: Any, prompts: Sequence[Prompt], max_new_tokens: int) -> None:
    config = text_config(model.config)
    if places := getattr(config, "max_position_embeddings", None):
        long = [prompt.key for prompt in prompts if len(prompt.ids) + max_new_tokens > places]
        words = f"maybe longer, prompt included, than the {places} tokens that the model was made for"
        _tell(f"{words}, and end there" if most_tokens(config) else words, long)


def _tell(what: str, keys: Sequence[str]) -> None:
    if keys:
        more = ", ..." if len(keys) > _SHOWN else ""
        say(f"{len(keys)} answer{'s' * (len(keys) > 1)} {what}: {', '.join(keys[:_SHOWN])}{more}")


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 wrong input, 4 missing package, 130 Ctrl-C."""
    arguments = build_parser().parse_args(argv)
    try:
        rows = check_arguments(arguments)
        prepare_libraries(arguments.base)
        predict(arguments, rows)
    except (InputError, OSError) as error:
        complain(f"predict.py: {error}")
        return 2
    except ImportError as error:
        complain(f"predict.py: {explain_missing(error)}")
        return 4
    except KeyboardInterrupt:
        complain(f"predict.py: stopped; {_how_to_go_on(arguments.output)}")
        return 130
    return 0


def _how_to_go_on(output: Path) -> str:
    kept = partial_path(output)
    if kept.is_file() and kept.stat().st_size:
        return f"the same command goes on from {kept}"
    return "the same command begins anew, as no answer is finished yet"


if __name__ == "__main__":
    sys.exit(main())
