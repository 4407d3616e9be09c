"""Lines of the access log as Squid 5.7 writes them."""

from harness.sandbox.proxy.log import MOST_CHARACTERS, MOST_HOSTS, refused_hosts, was_ready

READY = "1795243933.370 0 TCP_DENIED/403 3431 GET ready.lora-harness.invalid 80 http://ready.lora-harness.invalid/"
LINES = [
    "1795243932.517 4 TCP_DENIED/403 3431 GET start.lora-harness.invalid 80 http://start.lora-harness.invalid/",
    READY,
    "1795243933.646 0 TCP_DENIED/403 3394 CONNECT a.example 443 a.example:443",
    "1795243933.646 0 TCP_DENIED/403 3394 CONNECT a.example 443 a.example:443",
    "1795243933.700 1258 TCP_MISS/200 209715511 GET good.example 80 http://good.example/big",
    "1795243933.700 940 TCP_TUNNEL/200 209998926 CONNECT good.example 443 good.example:443",
    "1795243933.701 1 TCP_MISS/403 12 GET good.example 80 http://good.example/forbidden",
    "1795243933.800 0 TCP_DENIED/403 3408 GET b.example 21 ftp://b.example/x",
    "1795243933.900 0 NONE_NONE/400 3555 GET - - error:invalid-request",
    "1795243933.900 0 TCP_DENIED/403 12 GET evil%E2%80%AE.example 80 http://evil/",
    "",
    "half a li",
]


def test_each_refused_host_once_in_order() -> None:
    assert refused_hosts(LINES) == ("a.example:443", "b.example:21", "evil%E2%80%AE.example:80")


def test_an_answer_403_of_the_host_itself_is_no_refusal() -> None:
    assert "good.example:80" not in refused_hosts(LINES)


def test_number_and_length_are_bounded() -> None:
    line = "1.0 0 TCP_DENIED/403 1 CONNECT {}{} 443 x"
    found = refused_hosts(line.format(number, "x" * 5000) for number in range(1000))
    assert len(found) == MOST_HOSTS
    assert {len(one) for one in found} == {MOST_CHARACTERS + len(":443")}


def test_ready() -> None:
    assert was_ready(LINES)
    assert not was_ready([line for line in LINES if line != READY])
    assert not was_ready(["1.0 0 TCP_DENIED/403 1 GET x 80 http://ready.lora-harness.invalid/"])
