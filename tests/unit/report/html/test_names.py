"""Names of pages: safe everywhere, and never the same for two."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.html.names import page_name


@pytest.mark.parametrize("plain", ["r13921031", "a", "group-7_b"])
def test_an_id_that_is_a_name_is_the_name(plain: str) -> None:
    assert page_name(plain) == f"{plain}.html"


@pytest.mark.parametrize(
    "other", ["R13921031", "..", "con", "a/b", "學生", "", "-x", "x" * 65, "a.b", "\ud800", "<script>"]
)
def test_any_other_id_gets_a_name_of_its_own(other: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]*\.[0-9a-f]{12}\.html", page_name(other))
    assert len(page_name(other)) < 80


@given(st.text(), st.text())
def test_two_ids_never_share_a_name(one: str, other: str) -> None:
    assert (page_name(one).lower() == page_name(other).lower()) == (one == other)
