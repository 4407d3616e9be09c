"""Lines of the access log as Squid 5.7 writes them."""

import pytest

from harness.sandbox.interface import FailingHost
from harness.sandbox.proxy.log import (
    MOST_CHARACTERS,
    MOST_HOSTS,
    failing_hosts,
    reached_hosts,
    refused_hosts,
    tunnelled_hosts,
    unreached_hosts,
    was_ready,
)

READY = "1795243933.370 0 TCP_DENIED/403 3431 ERR_ACCESS_DENIED HIER_NONE GET ready.lora-harness.invalid 80 http://ready.lora-harness.invalid/"
LINES = [
    "1795243932.517 4 TCP_DENIED/403 3431 ERR_ACCESS_DENIED HIER_NONE GET start.lora-harness.invalid 80 http://start.lora-harness.invalid/",
    READY,
    "1795243933.646 0 TCP_DENIED/403 3394 ERR_ACCESS_DENIED HIER_NONE CONNECT a.example 443 a.example:443",
    "1795243933.646 0 TCP_DENIED/403 3394 ERR_ACCESS_DENIED HIER_NONE CONNECT a.example 443 a.example:443",
    "1795243933.700 1258 TCP_MISS/200 209715511 - HIER_DIRECT GET good.example 80 http://good.example/big",
    "1795243933.700 940 TCP_TUNNEL/200 209998926 - HIER_DIRECT CONNECT good.example 443 good.example:443",
    "1795243933.701 1 TCP_MISS/403 12 - HIER_DIRECT GET good.example 80 http://good.example/forbidden",
    "1795243933.800 0 TCP_DENIED/403 3408 ERR_ACCESS_DENIED HIER_NONE GET b.example 21 ftp://b.example/x",
    "1795243933.900 0 NONE_NONE/400 3555 ERR_INVALID_REQ HIER_NONE GET - - error:invalid-request",
    "1795243933.900 0 TCP_DENIED/403 12 ERR_ACCESS_DENIED HIER_NONE GET evil%E2%80%AE.example 80 http://evil/",
    "",
    "half a li",
]


def test_each_refused_host_once_in_order() -> None:
    assert refused_hosts(LINES) == ("a.example:443", "b.example:21", "evil%E2%80%AE.example:80")


def test_an_answer_403_of_the_host_itself_is_no_refusal() -> None:
    assert "good.example:80" not in refused_hosts(LINES)


def test_number_and_length_are_bounded() -> None:
    line = "1.0 0 TCP_DENIED/403 1 ERR_ACCESS_DENIED HIER_NONE CONNECT {}{} 443 x"
    found = refused_hosts(line.format(number, "x" * 5000) for number in range(1000))
    assert len(found) == MOST_HOSTS
    assert {len(one) for one in found} == {MOST_CHARACTERS + len(":443")}


def test_ready() -> None:
    assert was_ready(LINES)
    assert not was_ready([line for line in LINES if line != READY])
    assert not was_ready(
        ["1.0 0 TCP_DENIED/403 1 ERR_ACCESS_DENIED HIER_NONE GET x 80 http://ready.lora-harness.invalid/"]
    )


NO_NAME = "1795247761.357 2 NONE_NONE/500 0 ERR_CANNOT_FORWARD HIER_NONE CONNECT drive.example 443 drive.example:443"
CLOSED = "1795247761.384 0 NONE_NONE/503 0 ERR_CONNECT_FAIL HIER_DIRECT CONNECT drive.example 443 drive.example:443"
CLOSED_HTTP = (
    "1795247761.399 1 TCP_MISS/503 3428 ERR_CONNECT_FAIL HIER_DIRECT GET drive.example 80 http://drive.example/"
)
REACHED = "1795247761.426 20 TCP_TUNNEL/200 2315 - HIER_DIRECT CONNECT DRIVE.example. 443 DRIVE.example.:443"


@pytest.mark.parametrize(("line", "place"), [(NO_NAME, "443"), (CLOSED, "443"), (CLOSED_HTTP, "80")])
def test_no_connection_is_unreached(line: str, place: str) -> None:
    assert unreached_hosts([*LINES, line, line]) == (f"drive.example:{place}",)
    assert refused_hosts([line]) == ()


@pytest.mark.parametrize("lines", [[NO_NAME, REACHED], [REACHED, CLOSED], [CLOSED_HTTP, REACHED]])
def test_a_host_that_was_reached_once_is_none(lines: list[str]) -> None:
    assert unreached_hosts(lines) == ()


@pytest.mark.parametrize(
    "line",
    [
        *LINES,
        CLOSED.replace("NONE_NONE/503", "NONE_NONE/000"),  # the client went away first
        CLOSED.replace("NONE_NONE/503 0 ERR_CONNECT_FAIL", "TCP_MISS/503 0 -"),  # the host's own answer
        NO_NAME.replace("500 0 ERR_CANNOT_FORWARD", "505 0 ERR_UNSUP_HTTPVERSION"),
        NO_NAME.replace("500 0 ERR_CANNOT_FORWARD HIER_NONE CONNECT", "502 0 ERR_READ_ERROR HIER_NONE GET"),
        NO_NAME.replace("500 0 ERR_CANNOT_FORWARD HIER_NONE", "500 0 ERR_CANNOT_FORWARD HIER_DIRECT"),
    ],
)
def test_what_a_program_can_bring_about_is_not_unreached(line: str) -> None:
    assert unreached_hosts([line]) == ()


def test_number_and_length_of_unreached_are_bounded() -> None:
    found = unreached_hosts(NO_NAME.replace("drive", f"{number}{'x' * 5000}") for number in range(1000))
    assert (len(found), {len(one) for one in found}) == (MOST_HOSTS, {MOST_CHARACTERS + len(":443")})


def test_reached_and_tunnelled_hosts() -> None:
    assert reached_hosts([*LINES, NO_NAME, CLOSED]) == ("good.example:80", "good.example:443")
    assert tunnelled_hosts([*LINES, NO_NAME, CLOSED]) == ("good.example:443",)


SERVED = "1.0 2 TCP_MISS/200 244 - HIER_DIRECT GET files.example 80 http://files.example/a"
BUSY = SERVED.replace("200", "503")
RESET = SERVED.replace("/200 244 -", "/502 3437 ERR_READ_ERROR")
RESET_MIDWAY = SERVED.replace("244 -", "1221 ERR_READ_ERROR")
EMPTY = SERVED.replace("/200 244 -", "/502 3337 ERR_ZERO_SIZE_OBJECT")
SILENT = SERVED.replace(" 2 TCP_MISS/200 244 -", " 12003 TCP_MISS_ABORTED/000 0 ERR_CLIENT_GONE")


@pytest.mark.parametrize(
    ("line", "how"),
    [
        (BUSY, "answered 503"),
        (BUSY.replace("503", "429"), "answered 429"),
        (
            BUSY.replace("MISS/503 244 -", "MISS_ABORTED/503 251 ERR_CLIENT_GONE"),
            "answered 503",
        ),  # curl -f leaves early
        (RESET, "broke the connection off"),
        (RESET_MIDWAY, "broke the connection off"),
        (EMPTY, "broke the connection off"),
        (SILENT, "did not answer within 12 s"),
        (BUSY.replace("503 244 -", "504 244 ERR_READ_TIMEOUT"), "did not answer in time"),
    ],
)
def test_a_host_that_failed_to_the_last(line: str, how: str) -> None:
    assert failing_hosts([SERVED, line]) == (FailingHost(place="files.example:80", how=how),)
    assert failing_hosts([line, SERVED]) == ()
    assert failing_hosts([line, SERVED.replace("/a", "/b")]) != ()


@pytest.mark.parametrize(
    "line",
    [
        *LINES,
        NO_NAME,
        CLOSED,
        CLOSED_HTTP,
        REACHED,
        BUSY.replace("503", "404"),
        BUSY.replace("503", "501"),
        BUSY.replace("GET", "CONNECT"),
        SILENT.replace("12003", "9000"),
        SILENT.replace("HIER_DIRECT", "HIER_NONE"),
    ],
)
def test_what_is_no_failure_of_a_host(line: str) -> None:
    assert failing_hosts([line]) == ()
