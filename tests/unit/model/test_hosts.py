"""Entries of `hosts`: what each reads as, and what is no entry."""

import pytest

from harness.model.hosts import AllowedHost, parse_host


@pytest.mark.parametrize(
    ("entry", "kind", "text", "port"),
    [
        ("drive.google.com", "name", "drive.google.com", None),
        ("Drive.Google.com", "name", "drive.google.com", None),
        ("files.example.org:8443", "name", "files.example.org", 8443),
        (".googleusercontent.com", "domain", "googleusercontent.com", None),
        (".example.org:8080", "domain", "example.org", 8080),
        ("_dmarc.example.org", "name", "_dmarc.example.org", None),
        ("nas", "name", "nas", None),
        ("192.168.1.5", "network", "192.168.1.5/32", None),
        ("192.168.1.5:8000", "network", "192.168.1.5/32", 8000),
        ("10.1.0.0/16", "network", "10.1.0.0/16", None),
        ("10.1.0.0/16:80", "network", "10.1.0.0/16", 80),
        ("2001:db8::1", "network", "2001:db8::1/128", None),
        ("[2001:db8::1]", "network", "2001:db8::1/128", None),
        ("[2001:db8::1]:443", "network", "2001:db8::1/128", 443),
        ("fd00::/16", "network", "fd00::/16", None),
        ("*", "any", "*", None),
    ],
)
def test_entries(entry: str, kind: str, text: str, port: int | None) -> None:
    assert parse_host(entry) == AllowedHost(kind=kind, text=text, port=port)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("", "write a name such as"),
        (".", "write a name such as"),
        ("..example.org", "write a name such as"),
        ("*.example.org", "write .example.org for a domain and all below it"),
        ("*:80", "write a name such as"),
        ("https://example.org", "write the host alone: example.org"),
        ("example.org/path", "write the host alone: example.org"),
        ("example.org.", "write a name such as"),
        ("-example.org", "write a name such as"),
        ("exämple.org", "write a name with other letters as DNS has it"),
        ("2130706433", "write a name such as"),
        ("127.1", "write a name such as"),
        ("10.0.0.1/8", "write 10.0.0.0/8, the network that this address lies in"),
        (f"{'a' * 64}.org", "write a name such as"),
        (".".join(["a" * 60] * 5), "write a name such as"),
        ("example.org\n", "write a name such as"),
        ("example.org\nhttp_access allow all", "write a name such as"),
        ("example.org all", "write a name such as"),
        ("-n", "write a name such as"),
        ('"/etc/passwd"', "write a name such as"),
        ("example.org:0", "write a port from 1 to 65535"),
        ("example.org:65536", "write a port from 1 to 65535"),
        ("example.org:", "write a name such as"),
        ("0.0.0.0/0", 'write a smaller network, or "*"'),
        ("::/0", 'write a smaller network, or "*"'),
        ("127.0.0.1", "write an address of another machine"),
        ("[::1]:80", "write an address of another machine"),
        ("0.0.0.0", "write an address of another machine"),
        ("224.0.0.1", "write an address of another machine"),
    ],
)
def test_what_is_no_entry_says_what_to_write(entry: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_host(entry)
    assert str(caught.value).startswith(words)


def test_a_network_has_addresses_and_a_name_has_none() -> None:
    assert str(parse_host("10.1.0.0/16").network) == "10.1.0.0/16"
    assert parse_host("example.org").network is None
