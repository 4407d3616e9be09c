"""download.py against real servers on loopback: links, retries, resuming, pages that are no file, and the hub's API."""

import hashlib
import json
import sys
from pathlib import Path

import download
import pytest
from fetching.sources import Exit
from loopback import ROOT, SUBMISSION, Reply, Site, adapter_entries, ranged, run_script, zip_bytes

ZIP = zip_bytes(adapter_entries("adapter_checkpoint/"))
CUT_AT = 150_000
WHOLE_CHUNKS = 131_072
SHA256 = hashlib.sha256(ZIP).hexdigest()


def run(tmp_path: Path, source: str, *options: str) -> int:
    output = tmp_path / "adapter_checkpoint"
    return download.main(["--source", source, "--output", str(output), "--retry_wait_s", "0", *options])


def contents(tmp_path: Path) -> dict[str, bytes]:
    """Read all that lies in the folder where the adapter goes, hidden things included."""
    return {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}


def assert_complete(tmp_path: Path) -> None:
    """The two files are there, and nothing else is left over."""
    assert contents(tmp_path) == adapter_entries("adapter_checkpoint/")
    assert [p.name for p in tmp_path.iterdir()] == ["adapter_checkpoint"]


def test_link_with_checksum(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.replies(Reply(body=ZIP))
    assert run(tmp_path, f"{site.url}/a.zip", "--sha256", SHA256.upper()) == Exit.DONE
    assert_complete(tmp_path)
    assert "adapter_checkpoint is complete" in capsys.readouterr().err


def test_checksum_may_be_that_of_the_weights(site: Site, tmp_path: Path) -> None:
    site.replies(Reply(body=ZIP))
    sha256 = hashlib.sha256(adapter_entries()["adapter_model.safetensors"]).hexdigest()
    assert run(tmp_path, f"{site.url}/a.zip", "--sha256", sha256) == Exit.DONE
    assert_complete(tmp_path)


def test_complete_folder_is_left_alone(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.replies(Reply(body=ZIP))
    assert run(tmp_path, f"{site.url}/a.zip") == Exit.DONE
    assert run(tmp_path, "") == Exit.DONE
    assert "is already complete; delete it to fetch it again" in capsys.readouterr().err
    assert len(site.seen) == 1


def test_incomplete_folder_is_replaced(site: Site, tmp_path: Path) -> None:
    (tmp_path / "adapter_checkpoint").mkdir()
    (tmp_path / "adapter_checkpoint" / "adapter_config.json").write_text("old")
    site.replies(Reply(body=ZIP))
    assert run(tmp_path, f"{site.url}/a.zip") == Exit.DONE
    assert_complete(tmp_path)


def test_busy_server_is_asked_again(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.replies(Reply(status=503), Reply(status=429, headers={"Retry-After": "0"}), Reply(body=ZIP))
    assert run(tmp_path, f"{site.url}/a.zip") == Exit.DONE
    assert_complete(tmp_path)
    assert "HTTP status 503; attempt 2 of 5 in 0 s" in capsys.readouterr().err


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


QUOTA_PAGE = b"<!DOCTYPE html><p>Too many users have viewed or downloaded this file recently.</p>"
SIGN_IN_PAGE = b"<html><title>Sign in - Google Accounts</title></html>"


@pytest.mark.parametrize(
    ("reply", "code", "message"),
    [
        (Reply(status=404), Exit.NOT_FOUND, "answered with HTTP status 404: there is no such file"),
        (Reply(status=403), Exit.PERMISSION, "HTTP status 403: the file is not public"),
        (
            Reply(body=QUOTA_PAGE, headers={"Content-Type": "text/html; charset=utf-8"}),
            Exit.QUOTA,
            "quota for this file",
        ),
        (Reply(body=QUOTA_PAGE), Exit.QUOTA, "What to do: wait (the quota comes back within 24 hours)"),
        (Reply(body=SIGN_IN_PAGE), Exit.PERMISSION, "set Share > General access to 'Anyone with the link'"),
        (Reply(body=b"<html>hello</html>"), Exit.WRONG_FILE, "a web page came instead of the file"),
        (Reply(body=b"hello"), Exit.WRONG_FILE, "it begins with b'hello'"),
        (Reply(body=zip_bytes({"x": b""})), Exit.WRONG_FILE, "no folder in it has both"),
        (Reply(body=zip_bytes(adapter_entries() | {"../x": b""})), Exit.WRONG_FILE, "points out of its folder: '../x'"),
        (
            Reply(body=zip_bytes(adapter_entries() | {"adapter_model.safetensors": b"short"})),
            Exit.WRONG_FILE,
            "not complete: adapter_model.safetensors is not a safetensors file",
        ),
    ],
)
def test_what_cannot_be_used_is_told_once_and_leaves_nothing(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], reply: Reply, code: Exit, message: str
) -> None:
    site.replies(reply)
    assert run(tmp_path, f"{site.url}/a.zip") == code
    assert message in capsys.readouterr().err
    assert len(site.seen) == 1
    assert list(tmp_path.iterdir()) == []


def test_wrong_checksum_shows_both_and_leaves_nothing(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.replies(Reply(body=ZIP))
    assert run(tmp_path, f"{site.url}/a.zip", "--sha256", "0" * 64) == Exit.CHECKSUM
    shown = capsys.readouterr().err
    assert f"ADAPTER_SHA256 says {'0' * 64}, archive has {SHA256}, adapter_model.safetensors has " in shown
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "http://127.0.0.1:9/a.zip", "--attempts", "2") == Exit.NETWORK
    assert "the connection failed (ConnectionError), 2 times" in capsys.readouterr().err


@pytest.mark.parametrize("sha256", ["abc", "g" * 64, "0" * 63])
def test_sha256_of_another_form(tmp_path: Path, capsys: pytest.CaptureFixture[str], sha256: str) -> None:
    assert run(tmp_path, "https://example.org/a.zip", "--sha256", sha256) == Exit.USAGE
    assert f"ADAPTER_SHA256 {sha256!r} is not 64 hexadecimal digits" in capsys.readouterr().err


def test_download_sh_as_it_stands_says_what_to_fill_in(tmp_path: Path) -> None:
    folder = tmp_path / "hand-in"
    folder.mkdir()
    (folder / "submission").symlink_to(SUBMISSION)
    (folder / "download.sh").write_bytes((ROOT / "download.sh").read_bytes())
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    ran = run_script("bash", "hand-in/download.sh", cwd=tmp_path, env={"PATH": path})
    assert ran.returncode == Exit.USAGE
    assert "ADAPTER_SOURCE in download.sh is empty\n  What to do: fill in a Drive file id" in ran.stderr


def hub(revision: str) -> dict[str, Reply]:
    """Answer like the hub for the repository someone/adapter, which has a README besides the adapter."""
    commit = "a" * 40
    files = adapter_entries() | {"README.md": b"hello"}
    info = {"id": "someone/adapter", "sha": commit, "siblings": [{"rfilename": name} for name in files]}
    replies = {f"/api/models/someone/adapter/revision/{revision}": Reply(body=json.dumps(info).encode())}
    tree = [{"type": "file", "path": name, "size": len(body), "oid": "b" * 40} for name, body in files.items()]
    replies[f"/api/models/someone/adapter/tree/{commit}"] = Reply(body=json.dumps(tree).encode())
    for name, body in files.items():
        headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(body).hexdigest()}"'}
        replies[f"/someone/adapter/resolve/{commit}/{name}"] = Reply(body=body, headers=headers)
    return replies


def run_hub(site: Site, tmp_path: Path, source: str, *options: str) -> tuple[int, str]:
    missing = Reply(status=404, headers={"X-Error-Code": "RepoNotFound"})
    wrong_revision = Reply(status=404, headers={"X-Error-Code": "RevisionNotFound"})
    gated = Reply(status=403, headers={"X-Error-Code": "GatedRepo"})
    known = hub("main") | hub("v1") | {"/api/models/someone/adapter/revision/v2": wrong_revision}
    known["/api/models/someone/gated/revision/main"] = gated
    site.answer = lambda seen: known.get(seen.path, missing)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "HF_ENDPOINT": site.url}
    (tmp_path / "place").mkdir()
    command = ("--source", source, "--output", tmp_path / "place" / "adapter_checkpoint", *options)
    ran = run_script(sys.executable, SUBMISSION / "download.py", *command, env=environment)
    return ran.returncode, ran.stderr


@pytest.mark.torch
@pytest.mark.parametrize("source", ["hf:someone/adapter", "hf:someone/adapter@v1"])
def test_hub_repository(site: Site, tmp_path: Path, source: str) -> None:
    sha256 = hashlib.sha256(adapter_entries()["adapter_model.safetensors"]).hexdigest()
    code, shown = run_hub(site, tmp_path, source, "--sha256", sha256)
    assert code == Exit.DONE, shown
    assert_complete(tmp_path / "place")
    assert not any("README" in seen.path for seen in site.seen)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("hf:someone/other", Exit.NOT_FOUND, "hub repository someone/other does not exist or is private"),
        ("hf:someone/adapter@v2", Exit.NOT_FOUND, "has no revision 'v2'"),
        ("hf:someone/gated", Exit.PERMISSION, "hub repository someone/gated is gated"),
    ],
)
def test_hub_refusals(site: Site, tmp_path: Path, source: str, code: Exit, message: str) -> None:
    seen_code, shown = run_hub(site, tmp_path, source)
    assert (seen_code, message in shown) == (code, True), shown
    assert list((tmp_path / "place").iterdir()) == []
