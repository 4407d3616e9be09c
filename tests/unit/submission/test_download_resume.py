"""download.py against servers that break off: what came is gone on from, unless it is of another file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from downloads import CUT_AT, SHA256, WHOLE_CHUNKS, ZIP, assert_complete, run
from fetching.sources import Exit
from loopback import Reply, Seen, Site, ranged


def test_cut_connection_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    cut = Reply(body=ZIP, headers={"ETag": '"v1"'}, cut_at=CUT_AT)
    site.answer = lambda seen: cut if len(site.seen) == 1 else ranged(ZIP, seen, ETag='"v1"')
    assert run(tmp_path, f"{site.url}/a.zip", "--sha256", SHA256) == Exit.DONE
    assert site.seen[1].headers["Range"] == f"bytes={WHOLE_CHUNKS}-"
    assert_complete(tmp_path)


def test_next_run_goes_on_where_the_last_one_stopped(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.replies(Reply(body=ZIP, headers={"ETag": '"v1"'}, cut_at=CUT_AT))
    assert run(tmp_path, f"{site.url}/a.zip", "--attempts", "1") == Exit.NETWORK
    assert "run this again: it goes on where it stopped" in capsys.readouterr().err
    assert not (tmp_path / "adapter_checkpoint").exists()
    site.answer = lambda seen: ranged(ZIP, seen, ETag='"v1"')
    assert run(tmp_path, f"{site.url}/a.zip") == Exit.DONE
    assert site.seen[-1].headers["Range"] == f"bytes={WHOLE_CHUNKS}-"
    assert "going on from 131,072 bytes" in capsys.readouterr().err
    assert_complete(tmp_path)


def test_file_that_changed_meanwhile_is_fetched_from_the_start(site: Site, tmp_path: Path) -> None:
    site.replies(Reply(body=b"x" * len(ZIP), headers={"ETag": '"old"'}, cut_at=CUT_AT))
    assert run(tmp_path, f"{site.url}/a.zip", "--attempts", "1") == Exit.NETWORK
    site.answer = lambda seen: ranged(ZIP, seen, ETag='"new"')
    assert run(tmp_path, f"{site.url}/a.zip", "--sha256", SHA256) == Exit.DONE
    assert_complete(tmp_path)


def test_server_that_cannot_resume_is_asked_for_the_whole(site: Site, tmp_path: Path) -> None:
    site.replies(Reply(body=ZIP, cut_at=CUT_AT), Reply(status=416), Reply(body=ZIP))
    assert run(tmp_path, f"{site.url}/a.zip", "--sha256", SHA256) == Exit.DONE
    assert "Range" not in site.seen[2].headers
    assert_complete(tmp_path)


def half_then(site: Site, rest: Callable[[Seen], Reply], *, half: bytes = ZIP) -> None:
    """Answer the first request with half of a file, without an ETag, and the others otherwise."""
    site.answer = lambda seen: Reply(body=half, cut_at=CUT_AT) if len(site.seen) == 1 else rest(seen)


@pytest.mark.parametrize("sha256", [SHA256, ""])
@pytest.mark.parametrize("runs", [1, 2])
def test_pieces_of_two_files_are_fetched_once_more(site: Site, tmp_path: Path, sha256: str, runs: int) -> None:
    half_then(site, lambda seen: ranged(ZIP, seen), half=bytes(byte ^ 1 for byte in ZIP))
    options = ("--sha256", sha256, "--attempts", "2" if runs == 1 else "1")
    assert [run(tmp_path, f"{site.url}/a.zip", *options) for _ in range(runs)][-1] == Exit.DONE
    assert [seen.headers.get("Range") for seen in site.seen] == [None, f"bytes={WHOLE_CHUNKS}-", None]
    assert_complete(tmp_path)


def test_pieces_that_are_wrong_from_the_start_too_are_given_up(site: Site, tmp_path: Path) -> None:
    half_then(site, lambda seen: ranged(ZIP, seen))
    assert run(tmp_path, f"{site.url}/a.zip", "--sha256", "0" * 64) == Exit.CHECKSUM
    assert len(site.seen) == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content_range", [{}, {"Content-Range": f"bytes 0-{len(ZIP) - 1}/{len(ZIP)}"}])
def test_another_part_than_was_asked_for_is_not_asked_for_again(
    site: Site, tmp_path: Path, content_range: dict[str, str]
) -> None:
    wrong = Reply(body=ZIP, status=206, headers=content_range)
    half_then(site, lambda seen: wrong if "Range" in seen.headers else Reply(body=ZIP))
    assert run(tmp_path, f"{site.url}/a.zip", "--sha256", SHA256) == Exit.DONE
    assert len(site.seen) == 3
    assert_complete(tmp_path)
