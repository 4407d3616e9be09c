"""The file of --config is read as it is written, and what is no such file is refused in one line that says where."""

from pathlib import Path

import pytest
from files import InputError
from options_file import read_options


def values(path: Path, text: str) -> dict[str, object]:
    path.write_text(text, encoding="utf-8")
    return {name: one.value for name, one in read_options(path).items()}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 010", "010"),
        ("a: on", "on"),
        ("a: 1e-4  # why", "1e-4"),
        ("a: 1:30", "1:30"),
        ("a: 'null'", "null"),
        ("a: '~'", "~"),
        ("a: ''", ""),
        ("a:", None),
        ("a: null", None),
        ("a: ~", None),
        ("a: [b, '', c]", ("b", "", "c")),
        ("a: []", ()),
        ("a:\n- b\n- c", ("b", "c")),
        ("\ufeffa: 學習", "學習"),
        ("---\r\na: b\r\n...\r\n", "b"),
        ('{"a": "b"}', "b"),
    ],
)
def test_values_stay_as_they_are_written(tmp_path: Path, text: str, value: object) -> None:
    assert values(tmp_path / "x.yaml", text) == {"a": value}


def test_lines_are_known(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("# first\na: &x 1\n\nb: *x\n", encoding="utf-8")
    assert {name: (one.value, one.line) for name, one in read_options(path).items()} == {"a": ("1", 2), "b": ("1", 4)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", " holds no options; write a line for each option, like `learning_rate: 1e-4`"),
        ("# a: 1", " holds no options"),
        ("- a", " holds no options"),
        (
            "lora_rank： 8",
            " holds no options; write a line for each option, like `learning_rate: 1e-4`, with a colon of",
        ),
        (
            "a: 1\nb: [",
            ", line 2: this is not YAML: while parsing a flow node: expected the node content, but found",
        ),
        (
            "a: 1\n\tb: 2",
            ", line 2: this is not YAML: while scanning for the next token: found character '\\t' that cannot",
        ),
        ("a: 1\n---\nb: 2", ", line 2: this is not YAML: expected a single document in the stream: but found another"),
        ("a: 1\nb:2\nc: 3", ", line 2: this is not YAML: while scanning a simple key: could not find expected ':'"),
        ("a: *b", ", line 1: this is not YAML: found undefined alias 'b'"),
        ("a: 1\nb: 2\na: 3", ", line 3: a stands in line 1 already; leave one of them out"),
        ("a: {b: c}", ", line 1: a is a mapping"),
        ("a: [[b]]", ", line 1: a is a list of other things than texts"),
        ("[a]: b", ", line 1: this names no option"),
        ("~: b", ", line 1: this names no option"),
        ("a: !!python/name:os.x 5", ", line 1: a has the tag tag:yaml.org,2002:python/name:os.x; leave it out"),
        ("a: !!int 5", ", line 1: a has the tag tag:yaml.org,2002:int; leave it out"),
        ("a: [!!binary b]", ", line 1: a has the tag tag:yaml.org,2002:binary; leave it out"),
        ("a: !!seq b", ", line 1: a has the tag tag:yaml.org,2002:seq; leave it out"),
        ("!!set {a, b}", " has the tag tag:yaml.org,2002:set; leave it out"),
        (
            "a: &x 1\nb: &x 2",
            ", line 2: this is not YAML: found duplicate anchor 'x'; first occurrence: second occurrence",
        ),
        (f"a: *{'b' * 5000}", f", line 1: this is not YAML: found undefined alias '{'b' * 170}"),
        ("a: " + "b" * 100_000, " has more than 100,000 characters; write a line for each option"),
        ("a: " + "[" * 3000, " is nested too deeply"),
        ('a: "\\UFFFFFFFF"', " is not YAML: "),
        ('a: "\\U00110000"', " is not YAML: "),
        ("a: \x07", " is not YAML: "),
    ],
)
def test_what_is_no_such_file_is_said_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    with pytest.raises(InputError) as refused:
        values(path, text)
    assert str(refused.value).startswith(f"--config {path}{message}")
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 500


def test_aliases_are_not_written_out(tmp_path: Path) -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))
    with pytest.raises(InputError, match="l1 is a list of other things than texts"):
        values(tmp_path / "x.yaml", f"l0: &l0 [x]\n{levels}")


def test_a_file_that_never_ends_is_not_read_to_the_end() -> None:
    with pytest.raises(InputError, match=r"^--config /dev/zero has more than 100,000 characters; "):
        read_options(Path("/dev/zero"))
