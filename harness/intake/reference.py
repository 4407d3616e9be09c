"""Finds the reference submission, which the wheel carries and a checkout holds at its root. Never imports it."""

from pathlib import Path

from harness.errors import ConfigError

SCRIPTS = ("run.sh", "download.sh")
CODE = "submission"
ENDINGS = frozenset({".py", ".md", ".ipynb", ".yaml"})
_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS = (_PACKAGE / "reference_submission", _PACKAGE.parent)


def reference_files() -> dict[str, Path]:
    """Give the files of the reference submission by their paths in it.

    Raises:
        ConfigError: The package came without it.
    """
    for folder in _FOLDERS:
        if all((folder / name).is_file() for name in SCRIPTS):
            code = sorted(one for one in (folder / CODE).rglob("*") if one.suffix in ENDINGS)
            named = {one.relative_to(folder).as_posix(): one for one in code}
            return {name: folder / name for name in SCRIPTS} | named
    raise ConfigError(
        "The reference submission is not there.", remedy="Install the package again: its wheel carries it."
    )
