"""What a line of bash calls is told by its words."""

import pytest

from harness.intake.calls import adds_gdown, installs, uses_old_gdown


@pytest.mark.parametrize(
    ("line", "hit"),
    [
        ("gdown --id x", True),
        ("gdown x --fuzzy", True),
        ("X=1 ./bin/gdown --id=x", True),
        ("a && gdown ${ID} --id", True),
        ("gdown x", False),
        ("--id gdown", False),
        ("gdown x; b --id y", False),
        ("gdown --identity --fuzzy-retry", False),
        ("echo gdown --id x", False),
    ],
)
def test_gdown_with_an_option_that_is_gone(line: str, hit: bool) -> None:
    assert uses_old_gdown(line) is hit


@pytest.mark.parametrize(
    ("line", "hit", "gdown"),
    [
        ("pip install 'gdown<6'", True, True),
        ("x=$(pip3.11 -q --no-input install a)", True, False),
        ("uv pip install a; gdown x", True, False),
        ('bash -c "conda install gdown"', True, True),
        ("pip download gdown install", False, False),
        ("pip; install gdown", False, False),
        ("pipx install a", False, False),
        ("install -m 644 gdown pip", False, False),
    ],
)
def test_what_installs(line: str, hit: bool, gdown: bool) -> None:
    assert (installs(line), adds_gdown(line)) == (hit, gdown)
