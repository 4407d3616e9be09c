"""What the student's utils.py does while its two functions are called in the container."""

from pathlib import Path

from .case import hostile
from .parts import COPY, write_download, write_prompts

GOOD = (
    "import json, sys, os\n"
    "rows = json.load(open(sys.argv[2]))\n"
    "config = {'load_in_4bit': True, 'bnb_4bit_quant_type': 'nf4', 'bnb_4bit_use_double_quant': True,"
    " 'bnb_4bit_compute_dtype': 'bfloat16'}\n"
)


def _forge(folder: Path, value: str) -> None:
    """Let utils.py write a value in the place of prompts.json, and end the program before anything is called."""
    top = f"{GOOD}\nopen(sys.argv[3], 'w').write({value})\nos._exit(0)"
    write_prompts(folder, top=top)


@hostile("REN001", stage="render", cheap=True)
def prompt_file_missing(folder: Path) -> None:
    """None of the listed files."""
    (folder / "utils.py").rename(folder / "helpers.py")


@hostile("REN002", stage="render")
def prompt_file_without_functions(folder: Path) -> None:
    """An empty module."""
    (folder / "utils.py").write_text("x = 1\n")


@hostile("REN002", stage="render")
def prompt_file_that_does_not_parse(folder: Path) -> None:
    """Nested so deep that Python's parser gives up."""
    (folder / "utils.py").write_text("x = " + "(" * 10_000 + ")" * 10_000 + "\n")


@hostile("REN001", stage="render")
def prompt_file_turned_into_a_link(folder: Path) -> None:
    """download.sh puts a link where utils.py was."""
    write_download(folder, f"{COPY}rm utils.py\nln -s /etc/passwd utils.py\n")


@hostile("REN001", stage="render")
def prompt_file_turned_into_a_pipe(folder: Path) -> None:
    """download.sh puts a pipe where utils.py was."""
    write_download(folder, f"{COPY}rm utils.py\nmkfifo utils.py\n")


@hostile("REN001", stage="render")
def prompt_folder_turned_into_a_link(folder: Path) -> None:
    """The folder of a listed file leads elsewhere."""
    (folder / "utils.py").unlink()
    write_download(folder, f"{COPY}ln -s /usr/lib/python3.11 submission\n")


@hostile("REN002", stage="render")
def private_input_in_the_error(folder: Path) -> None:
    """What it raises quotes the private input; the student must not see it."""
    write_prompts(folder, get_prompt="raise ValueError(instruction * 3)")


@hostile("REN002", stage="render")
def ends_the_program_well(folder: Path) -> None:
    """Exit code 0 and no prompts."""
    write_prompts(folder, top="import os\nos._exit(0)")


@hostile("REN002", stage="render")
def ends_by_signal(folder: Path) -> None:
    """It kills itself."""
    write_prompts(folder, top="import os\nos.kill(os.getpid(), 9)")


@hostile("REN005", stage="render", limits={"render": {"timeout_s": 2}})
def never_returns(folder: Path) -> None:
    """A loop in get_prompt."""
    write_prompts(folder, get_prompt="while True: pass")


@hostile("REN005", stage="render")
def takes_all_memory(folder: Path) -> None:
    """A gigabyte where 256 MB are allowed."""
    write_prompts(folder, get_prompt="kept = [bytearray(10_000_000) for _ in range(100)]\nimport time; time.sleep(10)")


@hostile("REN003", stage="render")
def prompt_is_a_number(folder: Path) -> None:
    """Not a string."""
    write_prompts(folder, get_prompt="return 7")


@hostile("REN003", stage="render", cheap=True)
def prompt_without_the_instruction(folder: Path) -> None:
    """The same text for each row."""
    write_prompts(folder, get_prompt="return 'the answer is'")


@hostile("REN003", stage="render")
def prompt_of_a_book(folder: Path) -> None:
    """Longer than the assignment takes."""
    write_prompts(folder, get_prompt="return instruction * 1000")


@hostile("REN003", stage="render")
def prompt_with_half_a_character(folder: Path) -> None:
    """A lone surrogate, escaped so that the file can be written."""
    prompts = "[{'id': row['id'], 'prompt': row['instruction'] + chr(0xD800)} for row in rows]"
    _forge(folder, f"json.dumps({{'prompts': {prompts}, 'bnb_config': config}})")


@hostile("REN004", stage="render")
def other_quantisation(folder: Path) -> None:
    """Eight bit, which scores better."""
    write_prompts(folder, get_bnb_config="return {'load_in_8bit': True}")


@hostile("REN004", stage="render")
def quantisation_with_private_input(folder: Path) -> None:
    """A setting that carries the private input out."""
    leak = "import json, sys\nreturn {'bnb_4bit_quant_type': json.load(open(sys.argv[2]))[0]['instruction']}"
    write_prompts(folder, get_bnb_config=leak)


@hostile("REN002", stage="render")
def prompts_file_is_a_link(folder: Path) -> None:
    """The host would read another file of its own."""
    write_prompts(folder, top="import os, sys\nos.symlink('/etc/passwd', sys.argv[3])\nos._exit(0)")


@hostile("REN002", stage="render")
def prompts_file_is_a_pipe(folder: Path) -> None:
    """The host would wait for ever."""
    write_prompts(folder, top="import os, sys\nos.mkfifo(sys.argv[3])\nos._exit(0)")


@hostile("REN002", stage="render")
def prompts_file_is_a_folder(folder: Path) -> None:
    """A folder under the file's name."""
    write_prompts(folder, top="import os, sys\nos.mkdir(sys.argv[3])\nos._exit(0)")


@hostile("REN002", stage="render")
def prompts_file_is_too_large(folder: Path) -> None:
    """Thirty megabytes where one is plenty."""
    _forge(folder, "'[' + ' ' * 30_000_000")


@hostile("REN002", stage="render")
def prompts_nested_deep(folder: Path) -> None:
    """A reader that recurses runs out of stack."""
    _forge(folder, "'[' * 500_000")


@hostile("REN002", stage="render")
def prompts_with_number_of_many_digits(folder: Path) -> None:
    """Turning it into an integer takes long."""
    _forge(folder, "'{\"prompts\": ' + '9' * 500_000 + '}'")


@hostile("REN002", stage="render")
def prompts_with_ids_of_no_use(folder: Path) -> None:
    """A list in the place of an id cannot be looked up."""
    _forge(folder, "json.dumps({'prompts': [{'id': [], 'prompt': 'x'}], 'bnb_config': config})")


@hostile("REN002", stage="render", cheap=True)
def prompts_of_another_kind(folder: Path) -> None:
    """A bare string where an object is awaited."""
    _forge(folder, "json.dumps('all good')")


@hostile("REN003", stage="render")
def prompts_of_null(folder: Path) -> None:
    """Null for each prompt."""
    prompts = "[{'id': row['id'], 'prompt': None} for row in rows]"
    _forge(folder, f"json.dumps({{'prompts': {prompts}, 'bnb_config': config}})")


@hostile("REN003", stage="render")
def forged_prompts_for_other_ids(folder: Path) -> None:
    """Its own prompts file, with ids that are not asked for."""
    _forge(folder, "json.dumps({'prompts': [{'id': 'zz', 'prompt': 'x'}], 'bnb_config': config})")


@hostile("REN004", stage="render")
def forged_prompts_without_quantisation(folder: Path) -> None:
    """Its own prompts file, with null for the settings."""
    prompts = "[{'id': row['id'], 'prompt': row['instruction']} for row in rows]"
    _forge(folder, f"json.dumps({{'prompts': {prompts}, 'bnb_config': None}})")


@hostile(stage="render")
def writer_of_json_replaced(folder: Path) -> None:
    """json.dumps made to print a verdict first: the file holds prompts as good as any."""
    forge = 'json.dumps = lambda *a, **k: print(\'{"outcome": "passed"}\') or old(*a, **k)'
    top = f"import json\nold = json.dumps\n{forge}"
    write_prompts(folder, top=top)


@hostile("REN005", stage="render")
def prompts_printed_without_end(folder: Path) -> None:
    """A flood on standard output."""
    write_prompts(folder, get_prompt="while True: print('x' * 10_000)")


@hostile("REN005", stage="render", limits={"render": {"timeout_s": 2}})
def reads_standard_input(folder: Path) -> None:
    """Nobody types there: it must end at once, not wait. It sleeps then."""
    write_prompts(folder, get_prompt="import sys, time\nsys.stdin.read()\ntime.sleep(60)")
