"""Tells what the commands of a line of bash call: gdown and how, and what installs packages. Pure; runs nothing.

By words and not by patterns, so that no line takes more than time in proportion to its length.
"""

from collections.abc import Iterator

_SEPARATORS = str.maketrans(dict.fromkeys(";&|()`", "\n"))
_UNQUOTED = str.maketrans(dict.fromkeys("\"'", " "))
_INSTALLERS = frozenset({"conda", "mamba", "apt", "apt-get", "pip"})
_OLD_OPTIONS = frozenset({"--id", "--fuzzy"})
_SAYS = frozenset({"echo", "printf", ":"})


def uses_old_gdown(bare: str) -> bool:
    """Tell whether a line calls gdown with an option that version 6 dropped.

    Args:
        bare: The line without what is quoted, see `Command.bare`.
    """
    if "gdown" not in bare:
        return False
    return any(words[0] not in _SAYS and _has_old_option(words) for words in _calls(bare))


def _has_old_option(words: list[str]) -> bool:
    rest = iter(words)
    called = any(_program(word) == "gdown" for word in rest)
    return called and any(word.partition("=")[0] in _OLD_OPTIONS for word in rest)


def installs(text: str) -> bool:
    """Tell whether a line installs packages."""
    return any(True for _ in _installed(text))


def adds_gdown(text: str) -> bool:
    """Tell whether a line installs a gdown of its own."""
    return "gdown" in text and any("gdown" in word for words in _installed(text) for word in words)


def _installed(text: str) -> Iterator[list[str]]:
    """Give what stands behind each `pip install` and the like."""
    if "install" not in text:
        return
    for words in _calls(text.translate(_UNQUOTED)):
        called = False
        for at, word in enumerate(words):
            if called and word == "install":
                yield words[at + 1 :]
                break
            called = _is_installer(word) or (called and word.startswith("-"))


def _is_installer(word: str) -> bool:
    name = _program(word)
    return name in _INSTALLERS or (name.startswith("pip") and name[3:].replace(".", "").isdecimal())


def _program(word: str) -> str:
    """Give the name of a program that a word calls: without folders, and without a variable that it is given to."""
    return word.rpartition("/")[2].rpartition("=")[2]


def _calls(text: str) -> Iterator[list[str]]:
    return (words for part in text.translate(_SEPARATORS).split("\n") if (words := part.split()))
