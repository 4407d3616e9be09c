"""A build that fails shows the step and that step's last lines, and advises by what was said."""

import pytest

from harness.sandbox.image.build_log import KEPT_LINES, SHOWN_CHARS, BuildLog, build_fault, build_remedy


def feed(*streams: str) -> tuple[BuildLog, list[str]]:
    log = BuildLog()
    shown = [log.feed({"stream": stream}) for stream in streams]
    return log, [line for line in shown if line is not None]


def test_only_new_steps_are_shown_and_long_ones_cut() -> None:
    _, shown = feed("Step 1/2 : FROM x\n", " ---> 0123456789ab\n", "noise\n", "Step 2/2 : RUN " + "y " * 200)
    assert shown[0] == "Step 1/2 : FROM x"
    assert len(shown[1]) == SHOWN_CHARS
    assert shown[1].endswith("…")


def test_a_failure_shows_the_last_lines_of_its_own_step() -> None:
    log, _ = feed("Step 1/2 : RUN a\n", "old line\n", "Step 2/2 : RUN b\n", "\x1b[91mE: bad\n\x1b[0m", " ---> 0123\n")
    log.feed({"error": "The command '/bin/sh -c b' returned a non-zero code: 7"})
    message = str(build_fault(log))
    assert "Step 2/2 : RUN b" in message
    assert "non-zero code: 7" in message
    assert message.endswith("E: bad")
    assert "old line" not in message


def test_ends_of_earlier_stages_are_remembered() -> None:
    made = [f" ---> {digit * 12}\n" for digit in "abcd"]
    log, _ = feed("Step 1/4 : ARG BASE\n", "Step 2/4 : FROM x AS one\n", made[0], "Step 3/4 : RUN y\n",
                  " ---> Running in 0123456789ab\n", made[1], "Step 4/4 : FROM x\n", made[2])  # fmt: skip
    assert log.stages == ["b" * 12]


def test_lines_are_bounded() -> None:
    log, _ = feed("Step 1/1 : RUN a\n", *(f"{number}\n" for number in range(100)))
    assert list(log.lines) == [str(number) for number in range(100 - KEPT_LINES, 100)]


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("write /x: no space left on device", "Free disk space"),
        ("Temporary failure resolving 'mirror.example'", "let containers reach the network"),
        ("the base must bring Python 3.11: the wheels are for it", "Debian bookworm"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES", "wheel cache"),
        ("anything", "that step of the Dockerfile"),
    ],
)
def test_advice_follows_from_what_was_said(said: str, remedy: str) -> None:
    assert remedy in build_remedy(said)
