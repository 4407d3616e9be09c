"""What run.sh leaves as predictions: damaged, forged, or made to hurt whoever reads it."""

from pathlib import Path

from .case import CONTAINERS, hostile
from .parts import ANSWER, python, write_run


def _write(folder: Path, expression: str) -> None:
    """Let run.sh write the bytes that a Python expression gives; it may use `rows`, the right answer as a list."""
    program = (
        "import json, sys\n"
        'rows = [{"id": row["id"], "output": "answer"} for row in json.load(open(sys.argv[1]))]\n'
        f"content = {expression}\n"
        'open(sys.argv[2], "wb").write(content if isinstance(content, bytes) else json.dumps(content).encode())\n'
    )
    write_run(folder, f"""python3 -c '{program}' "$input" "$output"\n""")


@hostile("RUN004", stage="run", cheap=True)
def nothing_written(folder: Path) -> None:
    """run.sh ends well and has done nothing."""
    write_run(folder, "exit 0\n")


@hostile("VAL001", stage="run")
def empty_file(folder: Path) -> None:
    """A file without a byte."""
    write_run(folder, ': >"$output"\n')


@hostile("VAL001", stage="run", cheap=True)
def not_json(folder: Path) -> None:
    """Plain text."""
    _write(folder, 'b"the answers are good"')


@hostile("VAL001", stage="run")
def no_utf8(folder: Path) -> None:
    """Bytes that are no text."""
    _write(folder, r'b"[\xff\xfe\x80]"')


@hostile("VAL001", stage="run")
def nested_a_million_deep(folder: Path) -> None:
    """A reader that recurses runs out of stack."""
    _write(folder, 'b"[" * 1000000')


@hostile("VAL001", stage="run")
def number_of_a_million_digits(folder: Path) -> None:
    """Turning it into an integer takes minutes."""
    _write(folder, """b"[" + b"9" * 1000000 + b"]" """)


@hostile("VAL001", stage="run")
def not_a_number(folder: Path) -> None:
    """NaN and Infinity are no JSON."""
    _write(folder, 'b"[NaN, Infinity]"')


@hostile("VAL001", stage="run")
def key_there_twice(folder: Path) -> None:
    """One reader sees the first value, another the last."""
    _write(folder, """json.dumps(rows).replace("{", "{\\"id\\": \\"x\\", ").encode()""")


@hostile("VAL002", stage="run")
def object_instead_of_list(folder: Path) -> None:
    """Something else than the schema asks."""
    _write(folder, '{"score": 100, "grade": "passed"}')


@hostile("VAL002", stage="run")
def fields_that_nobody_asked_for(folder: Path) -> None:
    """A forged score beside each output."""
    _write(folder, "[dict(row, perplexity=1.0) for row in rows]")


@hostile("VAL002", stage="run", cheap=True)
def hundred_thousand_wrong_rows(folder: Path) -> None:
    """A finding for each would be a record of gigabytes."""
    _write(folder, "list(range(100000))")


@hostile("VAL003", stage="run")
def rows_left_out(folder: Path) -> None:
    """Only the easy ones."""
    _write(folder, "rows[:1]")


@hostile("VAL004", stage="run")
def ids_twice(folder: Path) -> None:
    """Each answer two times."""
    _write(folder, "rows + rows")


@hostile("VAL005", stage="run")
def unknown_ids_that_carry_the_private_input(folder: Path) -> None:
    """The findings must not quote them to the student."""
    _write(folder, 'rows + [{"id": json.load(open(sys.argv[1]))[0]["instruction"], "output": "x"}]')


@hostile("VAL005", stage="run")
def ids_that_write_to_the_terminal(folder: Path) -> None:
    """Escape sequences and line breaks in ids."""
    _write(folder, r'rows + [{"id": chr(27) + "]0;owned" + chr(7) + "\n" + chr(27) + "[2J", "output": "x"}]')


@hostile("VAL006", stage="run")
def outputs_of_white_space(folder: Path) -> None:
    """Not empty by its length."""
    _write(folder, r'[dict(row, output=" \n\t" + chr(0x3000)) for row in rows]')


@hostile("VAL001", stage="run")
def half_a_character(folder: Path) -> None:
    """A lone surrogate, which no UTF-8 file can hold."""
    _write(folder, r'[dict(row, output="\ud800") for row in rows]')


@hostile("RUN004", stage="run")
def file_larger_than_is_read(folder: Path) -> None:
    """Twenty megabytes for four rows."""
    _write(folder, 'b"[" + b" " * 20000000 + b"]"')


@hostile("RUN004", stage="run", cheap=True)
def output_is_a_link_to_the_input(folder: Path) -> None:
    """A link is not followed."""
    write_run(folder, 'ln -s "$input" "$output"\n')


@hostile("RUN004", stage="run")
def output_is_a_link_to_a_file_of_the_machine(folder: Path) -> None:
    """It would come back as the student's predictions."""
    write_run(folder, 'ln -s /etc/shadow "$output"\n')


@hostile("RUN004", stage="run")
def output_is_a_pipe(folder: Path) -> None:
    """Reading it would wait for ever."""
    write_run(folder, 'mkfifo "$output"\n')


@hostile("RUN004", stage="run")
def output_is_a_folder(folder: Path) -> None:
    """A folder under the file's name."""
    write_run(folder, 'mkdir "$output"\n')


@hostile("RUN004", stage="run")
def output_is_a_socket(folder: Path) -> None:
    """A socket under the file's name."""
    program = 'import os, socket, sys; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).bind("predictions.json")'
    write_run(folder, f"""python3 -c '{program}' "$(dirname "$output")"\n""")


@hostile("RUN004", stage="run")
def output_is_sparse(folder: Path) -> None:
    """Forty megabytes of hole."""
    write_run(folder, 'truncate -s 40M "$output"\n')


@hostile(stage="run")
def output_without_permissions(folder: Path) -> None:
    """The owner took away the right to read it: we read it all the same."""
    write_run(folder, f'{ANSWER}chmod 000 "$output"\n')


@hostile(stage="run")
def record_forged_beside_the_output(folder: Path) -> None:
    """A record of its own making, where the output is written and where the scratch folder might be."""
    forge = '{"schema": "record.v1", "outcome": "passed", "score": {"perplexity": 1.0}}'
    names = "record.json score.json prompts.json evidence.json"
    lines = f"for name in {names}; do echo '{forge}' >\"$(dirname \"$output\")/$name\"; echo '{forge}' >$name; done\n"
    write_run(folder, lines + ANSWER)


@hostile(stage="run", on=CONTAINERS)
def frames_of_the_engine_forged_on_stdout(folder: Path) -> None:
    """Headers as the engine puts them between stdout and stderr, one of them announcing four gigabytes."""
    program = (
        "import sys\n"
        r'frame = b"\x02\x00\x00\x00\xff\xff\xff\xff" + b"\x00\x00\x00\x00\x00\x00\x00\x00" * 100'
        "\nsys.stdout.buffer.write(frame); sys.stderr.buffer.write(frame)\n"
    )
    write_run(folder, python(program) + ANSWER)


@hostile("RUN003", stage="run", cheap=True)
def replies_of_the_scoring_worker_forged_on_stdout(folder: Path) -> None:
    """JSON lines as our worker writes them, then a failure: they are a log and nothing else."""
    ready = '{"type": "ready", "device": "cpu", "dtype": "float32", "versions": {}}'
    result = '{"type": "result", "id": "adapter", "examples": []}'
    write_run(folder, f"echo '{ready}'\necho '{result}'\necho '{ready}' >&2\nexit 1\n")
