"""Each known trouble of scripts is one finding with file, line and excerpt; good scripts have none."""

import shutil
import subprocess
import time
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.intake.scripts import Surroundings, inspect_scripts
from harness.model.finding import Finding

GOOD_RUN = '#!/usr/bin/env bash\nset -e\npython3 predict.py --base "$1" --adapter "${2}" --in "${3:-x}" --out "$4"\n'
GOOD_DOWNLOAD = "#!/bin/bash\ngdown 1AbC -O a.zip && unzip a.zip\n"


def look(root: Path, *, run: str | bytes = GOOD_RUN, download: str | bytes = GOOD_DOWNLOAD) -> tuple[Finding, ...]:
    for name, text in (("run.sh", run), ("download.sh", download)):
        (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return inspect_scripts(root)


def run(line: str) -> str:
    return GOOD_RUN + line + "\n"


def test_good_scripts_have_no_findings(tmp_path: Path) -> None:
    assert look(tmp_path) == ()


def test_absent_scripts_are_not_its_business(tmp_path: Path) -> None:
    assert inspect_scripts(tmp_path) == ()


def test_windows_line_ends(tmp_path: Path) -> None:
    script = GOOD_RUN.replace("\n", "\r\n")
    (finding,) = look(tmp_path, run=script)
    assert (finding.code, finding.severity) == ("INT010", "error")
    assert finding.seen == "3 of 4 lines end in CR LF, the first is `#!/usr/bin/env bash\\r`"
    assert finding.limit == "lines end in LF: bash takes the CR as part of the last word"
    assert str(finding.where) == "run.sh:1"
    # The remedy is true: bash fails before, and what the fix makes has no finding.
    assert subprocess.run(["bash", tmp_path / "run.sh"], capture_output=True, check=False).returncode != 0
    assert finding.fix == "Convert it: `sed -i 's/\\r$//' run.sh`."
    subprocess.run(["sed", "-i", "s/\\r$//", tmp_path / "run.sh"], check=True)
    assert inspect_scripts(tmp_path) == ()


@pytest.mark.parametrize(
    ("script", "code", "line"),
    [
        ("#!/bin/bash\n# comment\r\ntrue\n", "INT021", 2),
        ("#!/bin/bash\ntrue # comment\r\n", "INT021", 2),
        ("#!/bin/bash\ncat <<E\na\r\nE\ntrue\n", "INT021", 3),
        ("#!/bin/bash\necho 'a\r\nb'\n", "INT021", 2),
        ("#!/bin/bash\r\ntrue\n", "INT010", 1),
        ("#!/bin/bash\rtrue\r", "INT010", 1),
        ("#!/bin/bash\n# comment\r\ntrue\r\n", "INT010", 3),
        ("#!/bin/bash\n\r\ntrue\n", "INT010", 2),
        ("#!/bin/bash\ncat a \\\r\n b\n", "INT010", 2),
        ("#!/bin/bash\ncat <<E\na\nE\r\ntrue\n", "INT010", 4),
    ],
)
def test_carriage_returns_that_bash_never_runs_are_a_warning(tmp_path: Path, script: str, code: str, line: int) -> None:
    (finding,) = look(tmp_path, download=script)
    assert (finding.code, finding.severity) == (code, "error" if code == "INT010" else "warning")
    assert str(finding.where) == f"download.sh:{line}"
    assert finding.fix == "Convert it: `sed -i 's/\\r$//' download.sh`."


OTHER = "the first line names another interpreter, but the grader calls `bash`"


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ("#!/usr/bin/python3", f"{OTHER}: `#!/usr/bin/python3`"),
        ("#! /usr/bin/env python3", f"{OTHER}: `#! /usr/bin/env python3`"),
        ("#!python3", f"{OTHER}: `#!python3`"),
        ("#!/usr/bin/env", f"{OTHER}: `#!/usr/bin/env`"),
        ("\ufeff#!/bin/bash", "a byte order mark stands before the first line: `\\ufeff#!/bin/bash`"),
    ],
)
def test_first_line_that_bash_stumbles_over(tmp_path: Path, first: str, why: str) -> None:
    (finding,) = look(tmp_path, download=f"{first}\ntrue\n")
    assert (finding.code, finding.severity, finding.seen) == ("INT011", "warning", why)
    assert str(finding.where) == "download.sh:1"
    assert finding.fix == "Make the first line `#!/usr/bin/env bash`."


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ("#!bin/bash", "the interpreter's path does not begin with `/`: `#!bin/bash`"),
        ("# !/bin/bash", "the first line is no `#!` line: `# !/bin/bash`"),
        ("echo", "the first line is no `#!` line: `echo`"),
        ("#!", "the interpreter's path does not begin with `/`: `#!`"),
    ],
)
def test_first_line_that_does_not_matter_to_the_grader_is_a_note(tmp_path: Path, first: str, why: str) -> None:
    script = f"{first}\necho ran\n"
    (finding,) = look(tmp_path, download=script)
    assert (finding.code, finding.severity, finding.seen) == ("INT023", "info", why)
    assert str(finding.where) == "download.sh:1"
    assert finding.limit == "the grader calls `bash download.sh`, so this line does not matter there"
    assert finding.fix.startswith("Nothing needs to be done.")
    # It is true: called so, the script runs.
    ran = subprocess.run(["bash", tmp_path / "download.sh"], capture_output=True, text=True, check=True)
    assert (ran.stdout.strip(), ran.stderr) == ("ran", "")


@pytest.mark.parametrize("first", ["#!/bin/bash", "#! /bin/sh -e", "#!/usr/bin/env bash", "#!/usr/bin/env -S bash -e"])
def test_good_first_line(tmp_path: Path, first: str) -> None:
    assert look(tmp_path, download=f"{first}\ntrue\n") == ()


HITS = [
    ("INT012", "python3.6 predict.py"),
    ("INT012", "  CUDA_VISIBLE_DEVICES=0 /usr/bin/python3.10 -m x"),
    ("INT012", "python2 x.py"),
    ("INT012", "pip3.9 list"),
    ("INT013", "gdown --id 1AbC -O x.zip"),
    ("INT013", "gdown 'https://drive.google.com/x?a=b&c=d' --fuzzy"),
    ("INT013", 'if ! python3 -m gdown "${ID}" --id=1AbC; then exit 1; fi'),
    ("INT013", "x=$(/usr/local/bin/gdown --id 1AbC)"),
    ("INT014", "cp /home/alice/model ."),
    ("INT014", "cd /root/hw3"),
    ("INT014", "ls '/Users/alice/x'"),
    ("INT014", "type C:\\data"),
    ("INT016", "pip install -r requirements.txt"),
    ("INT016", "python3 -m pip --quiet install x"),
    ("INT016", "apt-get -y install x"),
]


@pytest.mark.parametrize(("code", "line"), HITS, ids=[line for _, line in HITS])
def test_hits(tmp_path: Path, code: str, line: str) -> None:
    (finding,) = look(tmp_path, run=run(line))
    assert (finding.code, finding.seen, str(finding.where)) == (code, f"`{line.strip()}`", "run.sh:4")
    assert finding.fix


@pytest.mark.parametrize(
    "line",
    [
        "# python3.6 and gdown --id and /home/alice and pip install",
        "ls venv/lib/python3.10/site-packages",
        "apt list python3.10-venv",
        "curl https://example.org/home/alice",
        'ls "$HOME/x" ~/home/x',
        "gdown x; tool --id y",
        "gdown x --fuzzy-retry --idle",
        'echo "write no gdown --id x"',
        "echo gdown --id x",
        "printf 'gdown --fuzzy\\n'",
        "pip list; install x",
        "printf 'Q:\\nA:\\n'",
        "echo install",
    ],
)
def test_no_hits(tmp_path: Path, line: str) -> None:
    assert look(tmp_path, run=run(line)) == ()


@pytest.mark.parametrize(
    ("version", "code", "severity", "limit"),
    [
        (None, "INT013", "warning", "gdown 6"),
        ("5.2.2", "INT013", "warning", "gdown 5.2.2 in the image takes it, gdown 6 does not"),
        ("4.7.3", "INT013", "warning", "gdown 4.7.3 in the image takes it, gdown 6 does not"),
        ("6.0.0", "INT018", "warning", "gdown 6.0.0"),
        ("10.1", "INT018", "warning", "gdown 10.1"),
    ],
)
def test_gdown_options_are_held_against_the_gdown_of_the_image(
    tmp_path: Path, version: str | None, code: str, severity: str, limit: str
) -> None:
    (tmp_path / "download.sh").write_text("#!/bin/bash\ngdown --id 1AbC\n")
    (finding,) = inspect_scripts(tmp_path, Surroundings(gdown=version))
    assert (finding.code, finding.severity, finding.limit) == (code, severity, limit)
    assert (finding.seen, str(finding.where)) == ("`gdown --id 1AbC`", "download.sh:2")
    assert finding.fix == "Call `gdown ID` or `gdown URL` without the option."


def test_gdown_that_the_script_installs_is_not_the_one_of_the_image(tmp_path: Path) -> None:
    (tmp_path / "download.sh").write_text('#!/bin/bash\npip install -q "gdown<6"; gdown --id 1AbC\n')
    (finding,) = inspect_scripts(tmp_path, Surroundings(gdown="6.0.0"))
    assert (finding.code, finding.severity, finding.limit) == ("INT013", "warning", "gdown 6")


TEST_FILES = Surroundings(test_files=("private.json", "public.json"))


@pytest.mark.parametrize(
    ("line", "hit"),
    [
        ("python3 predict.py --in data/private.json", True),
        ("cp ./public.json in.json", True),
        ('input="${3:-data/public.json}"', False),
        ("# data/private.json", False),
        ("cat data/train.json my-private.json private.json.bak.d", False),
        ("python3 code/public.jsonl", False),
    ],
)
def test_test_files_in_run_sh(tmp_path: Path, line: str, hit: bool) -> None:
    (tmp_path / "run.sh").write_text(run(line))
    findings = inspect_scripts(tmp_path, TEST_FILES)
    assert [(one.code, str(one.where), one.seen) for one in findings] == (
        [("INT019", "run.sh:4", f"`{line}`")] if hit else []
    )
    assert all("$3" in one.fix for one in findings)


def test_test_files_in_python_count_where_run_sh_calls_it(tmp_path: Path) -> None:
    lines = [
        'PATH = "data/private.json"',
        '# "data/private.json"',
        'parser.add_argument("--in", default="data/public.json")',
        "rows = json.load(open('public.json'))",
        'x = "private"',
    ]
    for name in ("code/predict.py", "code/evaluate.py", "tools/show.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("\n".join(lines))
    (tmp_path / "run.sh").write_text('#!/bin/bash\npython3 ./code/predict.py "$@" && python3 -m tools.show "$4"\n')
    found = [(one.code, str(one.where)) for one in inspect_scripts(tmp_path, TEST_FILES)]
    assert found == [("INT019", f"{name}:{line}") for name in ("code/predict.py", "tools/show.py") for line in (1, 4)]


def test_reference_submission_has_no_findings(root: Path, tmp_path: Path) -> None:
    for name in ("run.sh", "download.sh"):
        shutil.copy(root / name, tmp_path)
    shutil.copytree(root / "submission", tmp_path / "submission")
    assert inspect_scripts(tmp_path, Surroundings(gdown="6.0", test_files=("private.json", "public.json"))) == ()


def test_joined_lines_count_as_one(tmp_path: Path) -> None:
    (finding,) = look(tmp_path, download="#!/bin/bash\n\ngdown \\\n  --id x\n")
    assert (finding.code, str(finding.where)) == ("INT013", "download.sh:3")


def test_pip_install_in_download_is_fine(tmp_path: Path) -> None:
    assert look(tmp_path, download="#!/bin/bash\npip install gdown\n") == ()


@pytest.mark.parametrize(
    ("body", "unused"),
    [
        ("python3 predict.py", "$1, $2, $3, $4"),
        ('python3 predict.py "$1" ${2} "${3:-in.json}"', "$4"),
        ('awk \'{print $1}\' "$2" "$3" "$4"', "$1"),
        ('echo $2 $3 $4 "\\$1" $10', "$1"),
        ("# $1 $2 $3 $4", "$1, $2, $3, $4"),
    ],
)
def test_unused_arguments(tmp_path: Path, body: str, unused: str) -> None:
    (finding,) = look(tmp_path, run=f"#!/bin/bash\n{body}\ntrue\n")
    assert (finding.code, finding.seen, str(finding.where)) == ("INT015", f"{unused} not used in `run.sh`", "run.sh")
    assert finding.fix == "Use $1 (base), $2 (adapter), $3 (input), $4 (output)."


@pytest.mark.parametrize(
    "body",
    [
        'exec ./code/run.sh "$@"',
        "f $*",
        'a="${1}" b="${2:-x}" c=$3 d="${4:?}"',
        'while [ $# -gt 0 ]; do echo "$1"; shift; done',
    ],
)
def test_used_arguments(tmp_path: Path, body: str) -> None:
    assert look(tmp_path, run=f"#!/bin/bash\n{body}\n") == ()


@pytest.mark.parametrize(
    "content", ["#!/bin/bash\n".encode("utf-16"), b"\xff\xfe\x00", "字".encode("utf-16"), b"\x7fELF\0", b"a\0b"]
)
def test_script_that_is_no_text(tmp_path: Path, content: bytes) -> None:
    (finding,) = look(tmp_path, run=content)
    assert (finding.code, finding.severity, finding.seen) == ("INT017", "error", "`run.sh` is not plain UTF-8 text")
    assert finding.fix == "Save it as UTF-8 text without byte order mark."


@pytest.mark.parametrize("encoding", ["latin-1", "big5"])
def test_comment_in_another_encoding_is_a_warning_and_the_rest_is_looked_at(tmp_path: Path, encoding: str) -> None:
    comment = {"latin-1": "# modèle", "big5": "# 模型"}[encoding]
    script = f"{GOOD_RUN}echo a\n{comment}\npython3.6 x\n".encode(encoding)
    other, fixed = look(tmp_path, run=script)
    assert (fixed.code, str(fixed.where)) == ("INT012", "run.sh:6")
    assert (other.code, other.severity, str(other.where)) == ("INT022", "warning", "run.sh:5")
    assert other.seen.startswith("a byte that is no UTF-8: `# ") and other.seen.isprintable()
    assert other.fix.startswith("Save it as UTF-8")


def test_script_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("cp /home/secret .")
    (tmp_path / "run.sh").symlink_to("secret")
    (finding,) = inspect_scripts(tmp_path)
    assert finding.code == "INT017"
    assert "secret" not in finding.seen


def test_home_paths_in_python_files(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    source = 'x = 1\n# /home/alice/x\nDATA = "/home/alice/data"\nW = "C:\\\\Users\\\\a"\nprint("Q:\\nA:\\n", "D:\\n")\n'
    (tmp_path / "code" / "train.py").write_text(source)
    findings = inspect_scripts(tmp_path)
    assert [(one.code, str(one.where)) for one in findings] == [
        ("INT014", "code/train.py:3"),
        ("INT014", "code/train.py:4"),
    ]
    assert findings[0].seen == '`DATA = "/home/alice/data"`'


def test_python_files_of_tests_are_passed_over_and_findings_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "a.py").write_text('"/home/alice"\n')
    assert inspect_scripts(tmp_path) == ()
    for number in range(30):
        (tmp_path / f"{number}.py").write_text('"/home/alice"\n')
    assert len(inspect_scripts(tmp_path)) == 20


def test_findings_of_one_kind_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"/home/alice"\n' * 50)
    findings = look(tmp_path, run=GOOD_RUN + "python3.6 x\n" * 50)
    assert [one.code for one in findings] == ["INT012"] * 5 + ["INT014"] * 5


def test_excerpt_is_bounded_and_visible(tmp_path: Path) -> None:
    (finding,) = look(tmp_path, run=run("python3.6 \x1b[31m" + "x" * 500))
    assert finding.seen.startswith("`python3.6 \\x1b[31mxxx")
    assert len(finding.seen) < 140
    assert finding.seen.isprintable()


HUNDRED_LINES = (
    *(
        "gdown ",
        "gdown;",
        "pip -=",
        "=pip ",
        "pip - ",
        "install ",
        "${1-",
        "${1-x",
        "/home/",
        "python3.1",
        "python3.1111111",
    ),
    *("a/", "-m ", "<< ", "((", "((a<<", "\"'", "\\", "x#", "private.json-", "'private.json", "default'"),
)
ONE_LINE = ("gdown ", "((a<<", "<<a ", "${1-", "<<a\na\n", "a\n", "\\\n", "a\r\n", " ")


@pytest.mark.parametrize(
    "text", [(one * 2000)[:9999] + "\n" for one in HUNDRED_LINES] + list(ONE_LINE), ids=lambda text: repr(text[:12])
)
def test_no_megabyte_makes_the_look_slow(tmp_path: Path, text: str) -> None:
    script = (text * (1_000_000 // len(text) + 1))[:1_000_000]
    for name in ("run.sh", "a.py"):
        (tmp_path / name).write_text(script)
    begin = time.process_time()
    inspect_scripts(tmp_path, replace(TEST_FILES, gdown="6.0"))
    assert time.process_time() - begin < 3


@given(st.binary(max_size=200) | st.text(alphabet="#!/bin/bash\r\n$1'\" gdown--id", max_size=80).map(str.encode))
def test_any_bytes_are_looked_at(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    root = tmp_path_factory.mktemp("scripts")
    (root / "run.sh").write_bytes(content)
    (root / "a.py").write_bytes(content)
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not [char for one in inspect_scripts(root) for char in one.seen if unicodedata.category(char) in hidden]
