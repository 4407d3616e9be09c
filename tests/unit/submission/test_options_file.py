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
    path.write_text("# first\na: 1\n\nb: *x\n".replace("a: 1", "a: &x 1"), encoding="utf-8")
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
        ("a: 1\nb: [", ", line 2, is not YAML: expected the node content, but found '<stream end>'"),
        ("a: 1\n\tb: 2", ", line 2, is not YAML: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2", ", line 2, is not YAML: but found another document"),
        ("a: 1\nb:2\nc: 3", ", line 2, is not YAML: could not find expected ':'; write a line for each option, like"),
        ("a: *b", ", line 1, is not YAML: found undefined alias 'b'"),
        ("a: 1\nb: 2\na: 3", ", line 3, has a again, which is in line 1; leave one out"),
        ("a: {b: c}", ", line 1: a is a mapping"),
        ("a: [[b]]", ", line 1: a is a list of other things than texts"),
        ("[a]: b", ", line 1, names no option"),
        ("~: b", ", line 1, names no option"),
        ("a: !!python/name:os.x 5", ", line 1: a has the tag tag:yaml.org,2002:python/name:os.x; leave it out"),
        ("a: !!int 5", ", line 1: a has the tag tag:yaml.org,2002:int; leave it out"),
        ("a: [!!binary b]", ", line 1: a is a list of other things than texts"),
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
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_aliases_are_not_written_out(tmp_path: Path) -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))
    with pytest.raises(InputError, match="l1 is a list of other things than texts"):
        values(tmp_path / "x.yaml", f"l0: &l0 [x]\n{levels}")
