"""Packs the installed harness into a wheel, for a machine that has no copy of the project.

https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import harness
from harness.errors import EnvironmentFault

NAME = "lora-harness"
_ROOT = Path(harness.__file__).resolve().parent
_TIME = (1980, 1, 1, 0, 0, 0)
_WHEEL = "Wheel-Version: 1.0\nGenerator: lora-harness\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_ENTRY = "[console_scripts]\nharness = harness.cli:main\n"


def own_wheel() -> tuple[str, bytes]:
    """Give the wheel's file name and content; the same installation gives the same bytes.

    Raises:
        EnvironmentFault: The harness runs without being installed, so what it needs is not known.
    """
    try:
        needs = distribution(NAME).metadata
    except PackageNotFoundError as error:
        raise EnvironmentFault(
            "The harness is not installed here, so its wheel cannot be made.",
            remedy="Install it: pip install . in the project's folder.",
        ) from error
    stem = f"{NAME.replace('-', '_')}-{harness.__version__}"
    info = f"{stem}.dist-info"
    wanted = [f"Requires-Dist: {one}" for one in needs.get_all("Requires-Dist") or ()]
    wanted += [f"Provides-Extra: {one}" for one in needs.get_all("Provides-Extra") or ()]
    head = ["Metadata-Version: 2.1", f"Name: {NAME}", f"Version: {harness.__version__}", *wanted]
    files = dict(_package())
    files[f"{info}/METADATA"] = ("\n".join(head) + "\n").encode()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/entry_points.txt"] = _ENTRY.encode()
    record = f"{info}/RECORD"
    files[record] = ("".join(_record_line(*one) for one in files.items()) + f"{record},,\n").encode()
    return f"{stem}-py3-none-any.whl", zipped({name: (content, 0o644) for name, content in files.items()})


def zipped(files: dict[str, tuple[bytes, int]]) -> bytes:
    """Give a zip of files with their permissions, with the same bytes whenever it is made."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (content, mode) in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return made.getvalue()


def _package() -> Iterator[tuple[str, bytes]]:
    for path in sorted(_ROOT.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"harness/{path.relative_to(_ROOT).as_posix()}", path.read_bytes()
    beside = _ROOT.parent / "schemas"
    if not (_ROOT / "schemas").is_dir():
        for path in sorted(beside.glob("*.json")):
            yield f"harness/schemas/{path.name}", path.read_bytes()


def _record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"
