"""Logs on a page: bounded, without terminal codes, nothing hidden."""

from harness.report.html.logs import HEAD_BYTES, TAIL_BYTES, shown_log


def test_a_short_log_is_shown_whole() -> None:
    log = shown_log("logs/run.stdout.log", size_bytes=8, head=b"one\ntwo\n", tail=b"")
    assert (log.head, log.tail, log.left_out_bytes, log.codes) == ("one\ntwo", "", 0, 0)


def test_of_a_long_log_both_ends_are_shown() -> None:
    head, tail = b"a" * HEAD_BYTES, b"half a line\nlast\n" + b"z" * (TAIL_BYTES - 17)
    log = shown_log("x", size_bytes=10_000_000, head=head, tail=tail)
    assert log.left_out_bytes == 10_000_000 - HEAD_BYTES - TAIL_BYTES
    assert log.tail.startswith("last\n"), "it begins with a whole line"
    assert len(log.head) == 1_000, "a line without end is cut"


def test_colours_go_and_are_counted_everything_else_is_visible() -> None:
    log = shown_log(
        "x", size_bytes=1, head=b"\x1b[31mred\x1b[0m\x1b]0;title\x07 \x00\xff\xe2\x80\xae\r50%\r100%\n", tail=b""
    )
    assert log.head == "red\\x1b]0;title\\x07 \\x00�\\u202e\n50%\n100%"
    assert log.codes == 2
