"""Reads the YAML file of `--config`: an option a line, its value as it is written. Must not know the options.

YAML 1.1 would make 8 of `010` and true of `on`, and take the last of two lines for one option: so values stay text, for
whoever knows the option to read, and each option stands once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from files import InputError

_NOTHING = ("", "~", "null", "Null", "NULL")
_TAGS = {node: f"tag:yaml.org,2002:{tag}" for node, tag in (("scalar", "str"), ("sequence", "seq"), ("mapping", "map"))}
_MOST_CHARACTERS = 100_000
_MEANT = "write a line for each option, like `learning_rate: 1e-4`"


@dataclass(frozen=True, slots=True)
class Written:
    """What a line of the file says of an option: a text, several, or None for nothing; and where, for messages."""

    value: str | tuple[str, ...] | None
    line: int


def read_options(path: Path) -> dict[str, Written]:
    """Read the options of a file.

    Raises:
        InputError: It is no such file; the message says where and why.
    """
    import yaml

    try:
        root = yaml.compose(_text(path), Loader=yaml.BaseLoader)
    except RecursionError as error:
        raise InputError(f"--config {path} is nested too deeply; {_MEANT}") from error
    except yaml.MarkedYAMLError as error:
        # A line like `lora_rank:8` is found out at the next one.
        mark = error.context_mark if error.context == "while scanning a simple key" else error.problem_mark
        place = f", line {mark.line + 1}" if mark else ""
        why = shown(f"{error.context}: {error.problem}" if error.context else str(error.problem), most=200)
        raise InputError(f"--config {path}{place}: this is not YAML: {why}; {_MEANT}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # of characters that cannot be, like \UFFFFFFFF
        why = shown(" ".join(str(error).split()), most=200)
        raise InputError(f"--config {path} is not YAML: {why}; {_MEANT}") from error
    if not isinstance(root, yaml.MappingNode):
        colon = ", with a colon of ASCII and a space" if isinstance(root, yaml.ScalarNode) else ""
        raise InputError(f"--config {path} holds no options; {_MEANT}{colon}")
    _refuse_tag(root, f"--config {path}")
    found: dict[str, Written] = {}
    for key, value in root.value:
        line = key.start_mark.line + 1
        where = f"--config {path}, line {line}"
        name = _value(key, where)
        if not isinstance(name, str):
            raise InputError(f"{where}: this names no option; {_MEANT}")
        if name in found:
            raise InputError(f"{where}: {shown(name)} stands in line {found[name].line} already; leave one of them out")
        found[name] = Written(_value(value, f"{where}: {shown(name)}"), line)
    return found


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST_CHARACTERS + 1)
    except OSError as error:
        raise InputError(f"cannot read --config {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"--config {path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    if len(text) > _MOST_CHARACTERS:
        raise InputError(f"--config {path} has more than {_MOST_CHARACTERS:,} characters; {_MEANT}")
    return text


def _value(node: Any, where: str) -> str | tuple[str, ...] | None:
    """Give the text of a node, the texts of a list of texts, or None for nothing."""
    _refuse_tag(node, where)
    if node.id == "scalar":
        return None if node.style is None and node.value in _NOTHING else str(node.value)
    if node.id == "mapping":
        raise InputError(f"{where} is a mapping; {_MEANT}")
    for one in node.value:
        _refuse_tag(one, where)
        if one.id != "scalar":
            raise InputError(f"{where} is a list of other things than texts; {_MEANT}")
    return tuple(str(one.value) for one in node.value)


def _refuse_tag(node: Any, where: str) -> None:
    if node.tag != _TAGS[node.id]:
        raise InputError(f"{where} has the tag {shown(node.tag)}; leave it out")


def shown(text: str, *, most: int = 60) -> str:
    """Show a text in one short line: as it is, or quoted where that would not show all of it."""
    plain = text.isprintable() and text.strip() == text != ""
    words = text if plain else ascii(text)
    return words if len(words) <= most else f"{words[:most]}..."
