"""download.py and gdown against a stand-in for Google Drive: real HTTPS through a proxy on loopback with its own CA."""

import json
import shutil
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fetching.sources import Exit
from loopback import SUBMISSION, Reply, Seen, Site, adapter_entries, run_script, serve, zip_bytes

pytestmark = pytest.mark.torch

ID = "1AbCdEfGhIjKlMnOpQrStUvWxYz_-12345"
HOSTS = ("drive.google.com", "docs.google.com", "drive.usercontent.google.com", "accounts.google.com")
ZIP = zip_bytes(adapter_entries("adapter_checkpoint/"))
HTML = {"Content-Type": "text/html; charset=utf-8"}
CONFIRM = b"""<html><form id="download-form" action="https://drive.usercontent.google.com/download" method="get">
<input type="hidden" name="id" value="%s"><input type="hidden" name="confirm" value="t"></form></html>""" % ID.encode()
QUOTA = b"""<html><title>Google Drive - Quota exceeded</title><p class="uc-error-caption">Sorry</p>
<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently. Try later.</p></html>"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for Drive's hosts that is its own authority, and its key in the same file."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("tls") / "drive.pem"
    names = ",".join(f"DNS:{host}" for host in HOSTS)
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stand-in")
    made = run_script(*request, "-addext", f"subjectAltName={names}", "-keyout", f"{file}.key", "-out", file)
    assert made.returncode == 0, made.stderr
    file.write_text(file.read_text() + Path(f"{file}.key").read_text())
    return file


@pytest.fixture
def drive(certificate: Path) -> Iterator[Site]:
    """Give the site that answers for all of Drive's hosts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    yield from serve(context)


def run(drive: Site, certificate: Path, tmp_path: Path, source: str, *options: str) -> tuple[int, str]:
    """Run download.py with Drive's hosts in the hands of the stand-in; give exit status and stderr."""
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "place").mkdir(exist_ok=True)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "REQUESTS_CA_BUNDLE": str(certificate)}
    environment |= {"HTTPS_PROXY": drive.url, "PYTHONWARNINGS": "ignore"}
    command = ("--source", source, "--output", tmp_path / "place" / "adapter_checkpoint", "--retry_wait_s", "0")
    ran = run_script(sys.executable, SUBMISSION / "download.py", *command, *options, env=environment)
    return ran.returncode, ran.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (folder / "place" / "adapter_checkpoint").iterdir()}


def served(seen: Seen) -> Reply:
    """Answer like Drive for a file that is too big for its virus scan: a form first, then the file."""
    if seen.host.startswith("drive.usercontent."):
        return Reply(body=ZIP, headers={"Content-Disposition": 'attachment; filename="a.zip"', "Content-Type": "x/zip"})
    return Reply(body=CONFIRM, headers=HTML)


@pytest.mark.parametrize("source", [ID, f"https://drive.google.com/file/d/{ID}/view?usp=sharing"])
def test_file_behind_the_virus_scan_form(drive: Site, certificate: Path, tmp_path: Path, source: str) -> None:
    drive.answer = served
    code, shown = run(drive, certificate, tmp_path, source)
    assert code == Exit.DONE, shown
    assert files(tmp_path) == adapter_entries()
    assert [p.name for p in (tmp_path / "place").iterdir()] == ["adapter_checkpoint"]
    assert list((tmp_path / "home").rglob("*.txt")) == []  # no cookies are kept


@pytest.mark.parametrize(
    ("reply", "code", "message"),
    [
        (Reply(body=QUOTA, headers=HTML), Exit.QUOTA, "Google Drive's download quota for this file is used up"),
        (
            Reply(body=b"<html><title>Google Drive: Sign-in</title>sign in</html>", headers=HTML),
            Exit.PERMISSION,
            "the file is not public: a sign-in page came",
        ),
        (
            Reply(body=b"<html>nothing to see</html>", headers=HTML),
            Exit.PERMISSION,
            "Drive gives no file to people who are not signed in",
        ),
        (Reply(status=404, body=b"<html>Error 404</html>", headers=HTML), Exit.NOT_FOUND, "there is no such file"),
    ],
)
def test_refusals(drive: Site, certificate: Path, tmp_path: Path, reply: Reply, code: Exit, message: str) -> None:
    drive.replies(reply)
    seen_code, shown = run(drive, certificate, tmp_path, ID)
    assert (seen_code, message in shown) == (code, True), shown
    assert "What to do: " in shown
    assert "Traceback" not in shown
    assert list((tmp_path / "place").iterdir()) == []


def test_folder(drive: Site, certificate: Path, tmp_path: Path) -> None:
    entries = adapter_entries()
    ids = {f"{number}FileIdFileIdFileIdFileId": name for number, name in enumerate(entries)}
    listing = json.dumps([[[key, [ID], name, "application/octet-stream"] for key, name in ids.items()]])
    encoded = "".join(f"\\x{ord(c):02x}" if c in '[]"' else c for c in listing)
    page = f"<html><title>hand-in - Google Drive</title><script>window['_DRIVE_ivd'] = '{encoded}';</script></html>"

    def answer(seen: Seen) -> Reply:
        if "/folders/" in seen.path:
            return Reply(body=page.encode(), headers=HTML)
        name = ids[seen.query.removeprefix("id=")]
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": "x/y"}
        return Reply(body=entries[name], headers=headers)

    drive.answer = answer
    code, shown = run(drive, certificate, tmp_path, f"https://drive.google.com/drive/folders/{ID}?usp=sharing")
    assert code == Exit.DONE, shown
    assert files(tmp_path) == entries


def test_folder_that_is_not_public(drive: Site, certificate: Path, tmp_path: Path) -> None:
    drive.replies(Reply(body=b"<html><title>Sign in</title>You need access</html>", headers=HTML))
    code, shown = run(drive, certificate, tmp_path, f"https://drive.google.com/drive/folders/{ID}")
    assert code == Exit.PERMISSION, shown
    assert "set Share > General access to 'Anyone with the link'" in shown
