"""A silent registry, an absent one and one that says no are three different things."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.sandbox.image.pull import NoRegistryError, follow_pull, pull_failure

LOOKUP = 'Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host'


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (LOOKUP, NoRegistryError),
        ("dial tcp 127.0.0.1:1: connect: connection refused", NoRegistryError),
        ("net/http: request canceled while waiting for connection (Client.Timeout exceeded)", NoRegistryError),
        ("x509: certificate signed by unknown authority", NoRegistryError),
        ("toomanyrequests: You have reached your pull rate limit", NoRegistryError),
        ("manifest for debian:nope not found: manifest unknown", ConfigError),
        ("pull access denied for nope, repository does not exist or may require 'docker login'", ConfigError),
    ],
)
def test_words_of_the_engine_are_sorted(message: str, kind: type[Exception]) -> None:
    failure = pull_failure(message, "debian:nope")
    assert type(failure) is kind
    assert message in str(failure)


def test_a_refusal_names_the_base_and_what_to_check() -> None:
    refusal = pull_failure("manifest unknown", "debian:nope")
    assert isinstance(refusal, ConfigError)
    assert "debian:nope" in str(refusal)
    assert "--base" in refusal.remedy


def test_progress_shows_states_but_not_every_byte() -> None:
    told: list[str] = []
    events: list[dict[str, Any]] = [
        {"status": "Pulling from library/debian"},
        {"status": "Downloading", "progress": "[=>  ]"},
        {"status": "Status: Downloaded newer image"},
    ]
    follow_pull(lambda: iter(events), "debian", progress=told.append)
    assert told == ["base: Pulling from library/debian", "base: Status: Downloaded newer image"]


def test_an_error_event_ends_the_pull() -> None:
    with pytest.raises(NoRegistryError, match="no such host"):
        follow_pull(lambda: iter([{"error": LOOKUP}]), "debian", progress=str)


def test_a_silent_registry_is_given_up_in_time() -> None:
    release = threading.Event()

    def silent() -> Iterator[dict[str, Any]]:
        release.wait(30)
        yield {}

    started = time.monotonic()
    with pytest.raises(NoRegistryError, match=r"nothing heard from it for 0\.1 s"):
        follow_pull(silent, "debian", progress=str, first_word_timeout_s=0.1)
    release.set()
    assert time.monotonic() - started < 5


def test_after_the_first_word_patience_is_longer() -> None:
    def slow() -> Iterator[dict[str, Any]]:
        yield {"status": "Pulling"}
        time.sleep(0.3)
        yield {"status": "Done"}

    told: list[str] = []
    follow_pull(slow, "debian", progress=told.append, first_word_timeout_s=0.1, silence_timeout_s=30)
    assert told == ["base: Pulling", "base: Done"]
