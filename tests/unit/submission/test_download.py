"""download.py against real servers on loopback: links, retries, resuming, pages that are no file, and the hub's API."""

import hashlib
import json
import sys
from pathlib import Path

import download
import pytest
from downloads import SHA256, ZIP, assert_complete, contents, run
from fetching.sources import Exit
from loopback import ROOT, SUBMISSION, Reply, Site, adapter_entries, run_script, zip_bytes


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
    assert capsys.readouterr().err.endswith("is already complete; delete it to fetch it again\n")
    assert len(site.seen) == 1


def test_what_a_complete_folder_was_not_held_against_is_said(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.replies(Reply(body=ZIP))
    assert run(tmp_path, f"{site.url}/a.zip") == Exit.DONE
    weights = hashlib.sha256(adapter_entries()["adapter_model.safetensors"]).hexdigest()
    assert run(tmp_path, f"{site.url}/a.zip", "--sha256", weights.upper()) == Exit.DONE
    assert capsys.readouterr().err.endswith("; delete it to fetch it again\n")
    assert run(tmp_path, f"{site.url}/b.zip", "--sha256", "0" * 64) == Exit.DONE
    words = (
        "; delete it to fetch it again (it was not compared with ADAPTER_SHA256, and nothing was asked of the link)\n"
    )
    assert capsys.readouterr().err.endswith(words)
    assert run(tmp_path, "no link", "--sha256", weights) == run(tmp_path, "", "--sha256", "abc") == Exit.USAGE


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


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (f"http://{'a' * 70}/x.zip", "label empty or too long"),
        ("http://[abc", "Invalid IPv6 URL"),
        ("file:///etc/passwd", "No connection adapters were found for 'file:///etc/passwd'"),
    ],
)
def test_links_that_lead_nowhere(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], link: str, message: str
) -> None:
    site.replies(Reply(status=302, headers={"Location": link}))
    for source in (f"{site.url}/a.zip", link):
        assert run(tmp_path, source) == Exit.USAGE
    assert len(site.seen) == 1
    shown = capsys.readouterr().err
    assert f"download.py: {site.url}/a.zip: " in shown
    assert message in shown
    assert "What to do: check the link in ADAPTER_SOURCE" in shown


@pytest.mark.parametrize("wait", ["²", "soon", "-1"])
def test_odd_retry_after_is_no_wait(site: Site, tmp_path: Path, wait: str) -> None:
    site.replies(Reply(status=503, headers={"Retry-After": wait}), Reply(body=ZIP))
    assert run(tmp_path, f"{site.url}/a.zip") == Exit.DONE


def test_a_place_that_cannot_be_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert run(tmp_path / "file", "https://example.org/a.zip") == Exit.DISK
    shown = capsys.readouterr().err
    assert "download.py: [Errno 20] Not a directory: " in shown
    assert "What to do: check that --output and the folder that it lies in can be written to" in shown


def test_a_file_where_the_folder_goes_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "adapter_checkpoint").write_text("mine")
    assert run(tmp_path, "https://example.org/a.zip") == Exit.USAGE
    assert f"--output {tmp_path / 'adapter_checkpoint'} is no folder" in capsys.readouterr().err
    assert (tmp_path / "adapter_checkpoint").read_text() == "mine"


def test_what_is_not_ours_is_kept(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "adapter_checkpoint"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "notes.txt").write_text("mine")
    (folder / "adapter_config.json").write_text("old")
    site.replies(Reply(body=ZIP))
    assert run(tmp_path, f"{site.url}/a.zip") == Exit.DONE
    assert contents(tmp_path) == adapter_entries("adapter_checkpoint/") | {"adapter_checkpoint/mine/notes.txt": b"mine"}
    assert f"{folder} held other things, which were kept: mine\n" in capsys.readouterr().err


def fetched_folder(tmp_path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (tmp_path / "fetched" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fetched" / name).write_bytes(content)
    return tmp_path / "fetched"


@pytest.mark.parametrize("prefix", ["", "a/b/"])
def test_loose_adapter_goes_before_other_zips(tmp_path: Path, prefix: str) -> None:
    others = {"code.zip": zip_bytes({"x.py": b"1"}), "data.zip": zip_bytes({"x.json": b"1"})}
    folder = fetched_folder(tmp_path, adapter_entries(prefix) | others)
    assert download.find_archive(folder) is None
    download.install(folder, tmp_path / "adapter_checkpoint", sha256="")
    assert {p.name: p.read_bytes() for p in (tmp_path / "adapter_checkpoint").iterdir()} == adapter_entries()


def test_the_zip_whose_checksum_is_written_down_goes_first(tmp_path: Path) -> None:
    folder = fetched_folder(tmp_path, adapter_entries() | {"a.zip": zip_bytes({"x": b""}), "b.zip": ZIP})
    assert download.find_archive(folder, sha256=SHA256.upper()) == folder / "b.zip"
    download.install(folder, tmp_path / "adapter_checkpoint", sha256=SHA256)


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
            "not complete: adapter_model.safetensors is broken: its header claims",
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
