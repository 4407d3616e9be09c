"""Where a program may lie, and what an engine says of a file."""

import base64
import json

import pytest

from harness.sandbox.lookup import candidates, is_program

FOLDER, LINK = 1 << 31, 1 << 27


def stat(mode: object) -> str:
    return base64.b64encode(json.dumps({"name": "x", "mode": mode}).encode()).decode()


@pytest.mark.parametrize(
    ("program", "places"),
    [
        ("bash", ("/usr/bin/bash", "/bin/bash")),
        ("/opt/x", ("/opt/x",)),
        ("./x", ()),
        ("sub/x", ()),
    ],
)
def test_candidates(program: str, places: tuple[str, ...]) -> None:
    assert candidates(program, "/usr/bin::/bin") == places


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0o755, True), (0o001, True), (0o644, False), (FOLDER | 0o755, False), (LINK | 0o777, True), ("x", False)],
)
def test_is_program(mode: object, expected: bool) -> None:
    assert is_program(stat(mode)) is expected


@pytest.mark.parametrize("header", ["", "%%%", base64.b64encode(b"no json").decode(), base64.b64encode(b"[]").decode()])
def test_is_program_of_nonsense(header: str) -> None:
    assert not is_program(header)
