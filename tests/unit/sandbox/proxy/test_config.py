"""What the proxy is told. What it makes of it is tested with a real one."""

import ipaddress
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sandbox.interface import Job
from harness.sandbox.proxy.config import proxy_job, refused_networks, squid_conf, through_proxy


def rules(*hosts: str) -> list[str]:
    """Give the lines about hosts alone."""
    lines = squid_conf(hosts).splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("acl private"))
    return lines[start + 1 :]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (
            "drive.google.com",
            [
                "acl host_0 dstdomain -n drive.google.com",
                "http_access allow host_0 tunnel port_https !private",
                "http_access allow host_0 !tunnel port_http !private",
            ],
        ),
        (
            ".example.org:8443",
            [
                "acl host_0 dstdomain -n .example.org",
                "acl port_0 port 8443",
                "http_access allow host_0 port_0 !private",
            ],
        ),
        (
            "10.1.0.0/16:80",
            ["acl host_0 dst -n 10.1.0.0/16", "acl port_0 port 80", "http_access allow host_0 port_0 !private"],
        ),
        (
            "*",
            ["http_access allow tunnel port_https !private", "http_access allow !tunnel port_http !private"],
        ),
    ],
)
def test_rules(host: str, expected: list[str]) -> None:
    assert rules(host) == [*expected, "http_access deny all"]


def test_without_hosts_everything_is_refused() -> None:
    assert rules() == ["http_access deny all"]


@pytest.mark.parametrize("setting", ["cache deny all", "via off", "http_access deny manager", "hosts_file none"])
def test_settings(setting: str) -> None:
    assert setting in squid_conf(()).splitlines()


@given(st.text(max_size=40) | st.from_regex(r"[a-z.]{1,9}[\n\r \t#\"'\\][a-z_ ]{0,20}", fullmatch=True))
def test_no_entry_adds_a_line_or_a_word(entry: str) -> None:
    """An entry is refused, or its lines are of the known form and hold it as one word."""
    try:
        lines = rules(entry)
    except ValueError:
        return
    assert len(lines) <= 5
    for line in lines:
        assert line.split()[0] in ("acl", "http_access")
        assert len(line.split()) == {"acl": 5 if " -n " in line else 4}.get(line.split()[0], len(line.split()))
    assert all(line.isascii() and line.isprintable() for line in lines)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.168.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255",
        "::", "::1", "64:ff9b::a00:1", "fc00::1", "fd12::1", "fe80::1", "ff02::1", "2001::1", "2001:db8::1",
        "2002:a00:1::1",
    ],
)  # fmt: skip
def test_private_addresses_are_refused(address: str) -> None:
    assert any(ipaddress.ip_address(address) in one for one in refused_networks([]))


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "142.250.1.1", "2606:4700::1", "2a00:1450::1"])
def test_public_addresses_are_not(address: str) -> None:
    assert not any(ipaddress.ip_address(address) in one for one in refused_networks([]))


@given(st.integers(0, 2**32 - 1))
def test_ipv4_addresses_that_are_not_global_are_refused(number: int) -> None:
    """Python's own table of special addresses is a second opinion."""
    address = ipaddress.IPv4Address(number)
    refused = any(address in one for one in refused_networks([]))
    assert refused or (address.is_global and not address.is_multicast)


def test_mapped_addresses_stand_for_ipv4_in_squid_and_are_left_out() -> None:
    mapped = ipaddress.ip_address("::ffff:8.8.8.8")
    assert not any(mapped in one for one in refused_networks([]))


def test_a_listed_network_is_taken_out_and_nothing_else() -> None:
    refused = refused_networks([ipaddress.ip_network("10.1.2.3/32"), ipaddress.ip_network("fd00::/16")])
    for address, expected in (("10.1.2.3", False), ("10.1.2.2", True), ("10.1.2.4", True), ("fd00::1", False)):
        assert any(ipaddress.ip_address(address) in one for one in refused) is expected
    assert any(ipaddress.ip_address("fd01::1") in one for one in refused)


def test_a_listed_network_around_a_private_one_takes_all_of_it() -> None:
    refused = refused_networks([ipaddress.ip_network("192.0.0.0/8")])
    assert not any(ipaddress.ip_address(one) in net for net in refused for one in ("192.168.0.1", "192.0.2.1"))


def test_the_job_keeps_its_own_words(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job(argv=("program", "a b", "$c"), environment={"https_proxy": "http://own"})
    through = through_proxy(job, tmp_path)
    assert through.argv[:2] == ("bash", "-c")
    assert through.argv[4:] == ("program", "a b", "$c")
    assert through.environment["https_proxy"] == "http://own"
    assert through.environment["HTTPS_PROXY"] == through.environment["all_proxy"] == "http://127.0.0.1:3128"
    assert [(one.target, one.writable) for one in through.mounts] == [("/work", True), ("/proxy", False)]
    assert (through.limits, through.stdin, through.name) == (job.limits, job.stdin, job.name)


def test_the_proxy_is_a_job_beside_it(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job(hosts=("files.example",))
    own = tmp_path / "own"
    proxy = proxy_job(job, tmp_path, own=own)
    assert (proxy.name, proxy.hosts, proxy.stdin) == ("job.proxy", (), b"")
    assert proxy.argv[-1] == squid_conf(("files.example",))
    assert [(one.source, one.target, one.writable) for one in proxy.mounts] == [
        (tmp_path, "/proxy", True),
        (own, "/own", True),
    ]
    assert own not in [one.source for one in through_proxy(job, tmp_path).mounts]
    assert proxy.limits.memory_bytes == 256 << 20


def test_our_own_requests_are_refused_before_a_name_is_looked_up() -> None:
    """Or the proxy would seem dead where the machine's name server does not answer."""
    lines = squid_conf(("*",)).splitlines()
    first_lookup = next(index for index, line in enumerate(lines) if "!private" in line)
    assert "acl own dstdomain -n .lora-harness.invalid" in lines
    assert lines.index("http_access deny own") < first_lookup
