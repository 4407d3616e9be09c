"""Addresses of students' pages: not to be guessed, lasting, and no formula in a spreadsheet."""

from pathlib import Path

import pytest

from harness.batch.page_links import list_path, public_names, read_list, write_list
from harness.errors import ConfigError


def test_names_last_and_cannot_be_guessed(tmp_path: Path) -> None:
    path = list_path(tmp_path / "public")
    assert path == tmp_path / "public.links.csv"
    first = public_names(["a", "b"], read_list(path))
    assert len({*first.values()}) == 2
    assert all(len(name) == len(".html") + 32 for name in first.values())
    write_list(path, first)
    again = public_names(["b", "c"], read_list(path))
    assert again["b"] == first["b"]
    assert again["c"] not in first.values()


def test_an_id_is_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "x.links.csv"
    names = public_names(["=1+1", "+x", "'=y", 'a,"b'], {})
    write_list(path, names)
    assert "'=1+1,students/" in path.read_text()
    assert "'+x,students/" in path.read_text()
    assert read_list(path)["=1+1"] == names["=1+1"]
    assert read_list(path)['a,"b'] == names['a,"b']


def test_every_id_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.links.csv"
    names = public_names(
        ["=x", "'=x", "''=x", "'", "''", "x", "'x", "\tx", "-", "+5", " =x", "＝x", "a;=b", "a'=b", "a\nb"], {}
    )
    write_list(path, names)
    assert read_list(path) == names


def test_the_list_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.links.csv"
    for _ in range(2):
        write_list(path, {})
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)


@pytest.mark.parametrize(
    "text", ["", "id,name\n", "id,page\nr1\n", "id,page\nr1,students/../index.html\n", "id,page\nr1,r1.html\n", "\xff"]
)
def test_another_file_is_not_taken_for_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.links.csv"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match="is no list of pages"):
        read_list(path)
