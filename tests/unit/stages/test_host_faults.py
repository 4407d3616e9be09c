"""What the tools of the image wrote when a server failed them: curl 7.88, wget 1.21, gdown 5.2.2, requests 2.34,
urllib of Python 3.11, huggingface_hub 2.4, git 2.39, git-lfs 3.3."""

import subprocess
import sys

import pytest

from harness.stages.host_faults import MOST_LINES, NOT_SHARED, host_failure, says_not_shared

BROKEN = "The connection was broken off"
SILENT = "The host did not answer in time"
GDOWN_QUOTA = """Failed to retrieve file url:

\tToo many users have viewed or downloaded this file recently. Please
\ttry accessing the file again later. If the file you are trying to
\taccess is particularly large or is shared with many people, it may
\ttake up to 24 hours to be able to view or download the file. If you
\tstill can't access a file after 24 hours, contact your domain
\tadministrator.

You may still be able to access the file from the browser:

\thttps://drive.google.com/uc?id=1Abc

but Gdown can't. Please check connections and permissions."""
GDOWN_NOT_SHARED = """Failed to retrieve file url:

\tCannot retrieve the public link of the file. You may need to change
\tthe permission to 'Anyone with the link', or have had many accesses.
\tCheck FAQ in https://github.com/wkentaro/gdown?tab=readme-ov-file#faq.

You may still be able to access the file from the browser:

\thttps://drive.google.com/uc?id=1Abc

but Gdown can't. Please check connections and permissions."""
GDOWN_RESET = """Failed to use proxy:

\tHTTPSConnectionPool(host='172.17.0.1', port=33173): Max retries
\texceeded with url: /reset (Caused by ProxyError('Unable to connect to
\tproxy', RemoteDisconnected('Remote end closed connection without
\tresponse')))

Please check your proxy settings."""
GDOWN_TUNNEL = """Failed to use proxy:

\tHTTPSConnectionPool(host='nothing.invalid', port=443): Max retries
\texceeded with url: / (Caused by ProxyError('Unable to connect to
\tproxy', OSError('Tunnel connection failed: 500 Internal Server
\tError')))

Please check your proxy settings."""
GDOWN_CUT = """  0%|          | 0.00/1.00M [00:00<?, ?B/s]Error:

\t('Connection broken: IncompleteRead(1000 bytes read, 999000 more
\texpected)', IncompleteRead(1000 bytes read, 999000 more expected))

To report issues, please visit https://github.com/wkentaro/gdown/issues.
  0%|          | 0.00/1.00M [00:00<?, ?B/s]"""
HUB_LAST = (
    "huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the file on the Hub and "
    "we cannot find the requested files in the local cache. Please check your connection and try again or make sure "
    "your Internet connection is on."
)
CAUSE = "The above exception was the direct cause of the following exception:"
HUB = """httpx2.HTTPStatusError: {} for url 'https://hub.example/owner/name/resolve/main/file'
For more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/503

{}

huggingface_hub.errors.HfHubHTTPError: {}
{}

{}

Traceback (most recent call last):
  File "<string>", line 1, in <module>
{}"""
HUB_503 = "Server error '503 Service Unavailable'"
HUB_404 = "Client error '404 Not Found'"
URL = " for url 'https://hub.example/owner/name/resolve/main/file'"


def hub(first: str, second: str) -> str:
    return HUB.format(first, CAUSE, second, "For more information check: https://x", CAUSE, HUB_LAST)


REQUESTS = "requests.exceptions.HTTPError: {} Error: Too Many Requests for url: https://172.17.0.1:40243/st/429"
LFS_503 = (
    "batch response: Fatal error: Server error &{{%!!(string=http) %!!(string=127.0.0.1:44215) "
    "%!!(string=/st/{0}/objects/batch)}}s(MISSING) from HTTP {0}\n\nErrors logged to '/x/.git/lfs/logs/2.log'.\n"
    "Use `git lfs logs last` to view the log.\nFailed to fetch some objects from 'http://127.0.0.1:44215/st/503'"
)

FAILED = [
    ("curl: (22) The requested URL returned error: 429", "The host answered 429"),
    ("curl: (22) The requested URL returned error: 503", "The host answered 503"),
    ("curl: (22) The requested URL returned error: 503\nunzip:  cannot find or open a.zip.", "The host answered 503"),
    ("curl: (52) Empty reply from server", BROKEN),
    ("curl: (18) transfer closed with 999000 bytes remaining to read", BROKEN),
    ("curl: (28) Operation timed out after 2001 milliseconds with 0 bytes received", SILENT),
    ("curl: (28) Operation timed out after 2001 milliseconds with 0 out of 0 bytes received", SILENT),
    ("2026-11-21 09:21:00 ERROR 429: Too Many Requests.\n\n", "The host answered 429"),
    ("Proxy request sent, awaiting response... 503 Service Unavailable\n2026-11-21 09:21:26 ERROR 503: Service "
     "Unavailable.\n", "The host answered 503"),
    ("Read error (The TLS connection was non-properly terminated.) in headers.\nGiving up.\n", BROKEN),
    ("2026-11-21 09:22:38 (39.4 MB/s) - Read error at byte 1000/1000000 (The TLS connection was non-properly "
     "terminated.). Giving up.", BROKEN),
    ("2026-11-21 09:28:28 (210 MB/s) - Connection closed at byte 1000. Giving up.", BROKEN),
    ("Proxy request sent, awaiting response... Read error (Connection timed out) in headers.\nGiving up.\n", SILENT),
    ("Read error (Connection timed out) in headers.\nGiving up.\n", SILENT),
    (GDOWN_QUOTA, "Google Drive answered that too many users have downloaded the file recently"),
    (GDOWN_QUOTA.replace("Failed to retrieve file url:", "Access denied with the following error:"),
     "Google Drive answered that too many users have downloaded the file recently"),
    (GDOWN_RESET, BROKEN),
    (GDOWN_CUT, BROKEN),
    (REQUESTS.format("429 Client"), "The host answered 429"),
    (REQUESTS.format("503 Server"), "The host answered 503"),
    ("requests.exceptions.ProxyError: HTTPSConnectionPool(host='172.17.0.1', port=33173): Max retries exceeded with "
     "url: /reset (Caused by ProxyError('Unable to connect to proxy', RemoteDisconnected('Remote end closed connection "
     "without response')))", BROKEN),
    ("requests.exceptions.ChunkedEncodingError: ('Connection broken: IncompleteRead(1000 bytes read, 999000 more "
     "expected)', IncompleteRead(1000 bytes read, 999000 more expected))", BROKEN),
    ("requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='172.17.0.1', port=33173): Read timed out. (read "
     "timeout=2)", SILENT),
    ("urllib.error.HTTPError: HTTP Error 429: Too Many Requests", "The host answered 429"),
    ("http.client.RemoteDisconnected: Remote end closed connection without response", BROKEN),
    ("http.client.IncompleteRead: IncompleteRead(1000 bytes read, 999000 more expected)", BROKEN),
    ("TimeoutError: The read operation timed out", SILENT),
    (hub("Client error '429 Too Many Requests'",
         "429 Too Many Requests for url: https://172.17.0.1:40243/st/429/owner/name/resolve/main/file."),
     "The host answered 429"),
    (hub(HUB_503, HUB_503 + URL), "The host answered 503"),
    ("httpx2.RemoteProtocolError: Server disconnected without sending a response.", BROKEN),
    ("fatal: unable to access 'https://172.17.0.1:40243/st/429/r.git/': The requested URL returned error: 429",
     "The host answered 429"),
    ("fatal: unable to access 'https://172.17.0.1:33173/reset/r.git/': GnuTLS recv error (-110): The TLS connection "
     "was non-properly terminated.", BROKEN),
    ("batch response: Rate limit exceeded: http://127.0.0.1:44215/st/429/objects/batch\nFailed to fetch some objects "
     "from 'http://127.0.0.1:44215/st/429'", "The host answered that it was asked too often"),
    (LFS_503.format(503), "The host answered 503"),
    ('batch response: Post "http://127.0.0.1:44215/reset/objects/batch": read tcp 127.0.0.1:52222->127.0.0.1:44215: '
     "read: connection reset by peer", BROKEN),
    ("Error downloading object: config.json (3793759): Smudge error: Error downloading config.json (3793759cd9): batch "
     "response: This repository is over its data quota. Account responsible for LFS bandwidth should purchase more "
     "data packs to restore access.", "The host answered that the repository is over its quota"),
]  # fmt: skip

NOT_THE_HOSTS = [
    "",
    "429",
    "error 503: try again",
    "echo curl: (22) The requested URL returned error: 503",
    "curl: (22) The requested URL returned error: 404",
    "curl: (22) The requested URL returned error: 403",
    "curl: (22) The requested URL returned error: 401",
    "curl: (6) Could not resolve host: nothing.example",
    "curl: (28) Operation timed out after 5001 milliseconds with 3000000 out of 66000000 bytes received",
    "curl: (22) The requested URL returned error: 503\ncurl: (22) The requested URL returned error: 404",
    "curl: (22) The requested URL returned error: 503\n" + "a line\n" * MOST_LINES,
    "2026-11-21 09:21:51 ERROR 404: Not Found.",
    GDOWN_NOT_SHARED,
    GDOWN_TUNNEL,
    GDOWN_QUOTA + "\n" + GDOWN_NOT_SHARED,
    "To report issues, please visit https://github.com/wkentaro/gdown/issues.",
    "requests.exceptions.HTTPError: 404 Client Error: Not Found for url: https://x/st/404",
    "urllib.error.HTTPError: HTTP Error 404: Not Found",
    "urllib.error.URLError: <urlopen error Tunnel connection failed: 503 Service Unavailable>",
    hub(HUB_404, HUB_404 + URL),
    HUB_LAST,
    "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error.",
    "huggingface_hub.errors.GatedRepoError: 401 Client Error.",
    "fatal: repository 'https://172.17.0.1:40243/st/404/r.git/' not found",
    "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
    "batch response: Repository or object not found: http://x/objects/batch\nCheck that it exists",
    LFS_503.format(501),
    "ModuleNotFoundError: No module named 'x'",
]


@pytest.mark.parametrize(("said", "words"), FAILED)
def test_a_hosts_failure(said: str, words: str | None) -> None:
    assert host_failure(said.splitlines()) == words


@pytest.mark.parametrize("said", NOT_THE_HOSTS)
def test_what_is_no_failure_of_a_host(said: str) -> None:
    assert host_failure(said.splitlines()) is None


GDOWN = "from gdown.download import get_url_from_gdrive_confirmation as g; g({!r})"


def test_what_is_not_shared() -> None:
    assert says_not_shared(GDOWN_NOT_SHARED.splitlines())
    assert not says_not_shared(GDOWN_QUOTA.splitlines())


@pytest.mark.torch
def test_gdown_still_says_this_of_a_page_without_a_link() -> None:
    done = subprocess.run([sys.executable, "-c", GDOWN.format("<html>Sign in</html>")], capture_output=True, text=True)
    assert NOT_SHARED in done.stderr


def test_long_and_hostile_lines_take_no_time() -> None:
    lines = ["requests.exceptions.ChunkedEncodingError: " + "IncompleteRead" * 130] * 100
    lines += ['batch response: Post "' + ": " * 900] * 100
    assert host_failure(lines) is None
