"""Reads the YAML file of `--config`: an option a line, its value as it is written. Must not know the options.

YAML 1.1 would make 8 of `010`, of `on` true, and of two lines for one option the last: so values stay text, for whoever
knows the option to read, and each option stands once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from files import InputError

NOTHING = ("", "~", "null", "Null", "NULL")
_PLAIN_TAGS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
_SHOWN = 60
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
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except OSError as error:
        raise InputError(f"cannot read --config {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"--config {path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except RecursionError as error:
        raise InputError(f"--config {path} is nested too deeply; {_MEANT}") from error
    except yaml.MarkedYAMLError as error:
        # A line like `lora_rank:8` is found out at the next one.
        mark = error.context_mark if error.context == "while scanning a simple key" else error.problem_mark
        place = f", line {mark.line + 1}," if mark else ""
        raise InputError(f"--config {path}{place} is not YAML: {error.problem}; {_MEANT}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # of characters that cannot be, like \UFFFFFFFF
        raise InputError(f"--config {path} is not YAML: {shown(' '.join(str(error).split()))}; {_MEANT}") from error
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"--config {path} holds no options; {_MEANT}, with a colon of ASCII and a space")
    found: dict[str, Written] = {}
    for key, value in root.value:
        where = f"--config {path}, line {key.start_mark.line + 1}"
        name = _value(key, where)
        if not isinstance(name, str):
            raise InputError(f"{where}, names no option; {_MEANT}")
        if name in found:
            raise InputError(f"{where}, has {shown(name)} again, which is in line {found[name].line}; leave one out")
        found[name] = Written(_value(value, f"{where}: {shown(name)}"), key.start_mark.line + 1)
    return found


def _value(node: Any, where: str) -> str | tuple[str, ...] | None:
    """Give the text of a node, the texts of a list of texts, or None for nothing."""
    if node.tag not in _PLAIN_TAGS:
        raise InputError(f"{where} has the tag {shown(node.tag)}; leave it out")
    if node.id == "scalar":
        return None if node.style is None and node.value in NOTHING else str(node.value)
    if node.id == "sequence" and all(one.id == "scalar" and one.tag in _PLAIN_TAGS for one in node.value):
        return tuple(str(one.value) for one in node.value)
    raise InputError(
        f"{where} is a {'list of other things than texts' if node.id == 'sequence' else 'mapping'}; {_MEANT}"
    )


def shown(text: str) -> str:
    """Show a text in one short line: as it is, or quoted where that would not show all of it."""
    plain = text.isprintable() and text.strip() == text != ""
    words = text if plain else ascii(text)
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}..."
