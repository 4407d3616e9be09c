"""Tells from the last lines of download.sh whether a host failed: 429, 5xx, a quota, a broken or silent connection.

Pure. The words are a student's script's own and can be forged: only a tool's whole line counts, and of several tools'
lines only the last. Each form is what the tool of the image writes when a server of ours fails it so (the tests have
them). Must not know what follows from it.
"""

import re
from collections.abc import Iterable, Sequence

from harness.language import NOTHING, Message, message

MOST_LINES = 40
MOST_CHARACTERS = 2_000
QUOTA = "Too many users have viewed or downloaded this file recently"
NOT_SHARED = "Cannot retrieve the public link of the file. You may need to change the permission"
_BUSY = frozenset({429, 500, 502, 503, 504, *range(520, 528)})

# One group `status` where the line has one; then `_BUSY` decides.
_ANSWERS = (
    r"curl: \(22\) The requested URL returned error: (?P<status>\d{3})",
    r"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d )ERROR (?P<status>\d{3}): .+\.",  # wget
    r"requests\.exceptions\.HTTPError: (?P<status>\d{3}) (?:Client|Server) Error: .+ for url: \S+",
    r"(?:httpx2?\.HTTPStatusError|huggingface_hub\.(?:errors|utils\._errors)\.\w+): "
    r"(?:Client|Server) error '(?P<status>\d{3}) .+' for url '\S+'",
    r"huggingface_hub\.errors\.HfHubHTTPError: (?P<status>429) Too Many Requests(?: for url)?: .+",
    r"urllib\.error\.HTTPError: HTTP Error (?P<status>\d{3}): .+",
    r"fatal: unable to access '\S+': The requested URL returned error: (?P<status>\d{3})",  # git
    r"error: RPC failed; HTTP (?P<status>\d{3}) .+",
    r"batch response: Fatal error: Server error .+ from HTTP (?P<status>\d{3})",  # git-lfs
)
_BROKEN = (
    r"curl: \((?:52\) Empty reply from server|56\) (?:Recv failure: Connection reset by peer|OpenSSL SSL_read: .+))",
    r"curl: \(18\) transfer closed with \d+ bytes remaining to read",
    r"curl: \(35\) (?:OpenSSL SSL_connect: SSL_ERROR_SYSCALL|Recv failure: Connection reset by peer).*",
    # wget
    r"(?:.+ awaiting response\.\.\. )?Read error \((?:The TLS connection was non-properly terminated\.|"
    r"Connection reset by peer)\) in headers\.",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(.+\) - (?:Read error|Connection closed) at byte \d+(?:/\d+)?.*\. Giving up\.",
    r"(?:urllib3\.exceptions|requests\.exceptions)\.(?:ConnectionError|ProtocolError): "
    r"\('Connection aborted\.', (?:ConnectionResetError|RemoteDisconnected)\(.+\)\)",
    r"(?:requests\.exceptions\.ChunkedEncodingError: .*|http\.client\.)IncompleteRead[(:].+",
    r"requests\.exceptions\.ProxyError: .+RemoteDisconnected\('Remote end closed connection without response'\)\)\)",
    r"http\.client\.RemoteDisconnected: Remote end closed connection without response",
    r"ConnectionResetError: \[Errno 104\] Connection reset by peer",
    r"httpx2?\.(?:RemoteProtocolError|ReadError): .+",
    r"fatal: unable to access '\S+': (?:GnuTLS recv error|OpenSSL SSL_read|Recv failure|Empty reply|SSL_ERROR).*",
    r"fatal: (?:the remote end hung up unexpectedly|early EOF)",
    r"batch response: Post \"\S+\": .+: connection reset by peer",
)
# A time limit that the script set itself and that ended a running transfer is not the host's: no byte may have come.
_SILENT = (
    r"curl: \(28\) (?:Operation timed out after \d+ milliseconds with 0 .*|Connection timed?[ -]out.*)",
    r"(?:.+ awaiting response\.\.\. )?Read error \(Connection timed out\) in headers\.",  # wget
    r"requests\.exceptions\.(?:ReadTimeout|ConnectTimeout): .+",
    r"(?:urllib\.error\.URLError: <urlopen error .*timed out>|TimeoutError: (?:The read operation )?timed out)",
    r"httpx2?\.(?:ReadTimeout|ConnectTimeout): .+",
)
_REFUSED_RATE = (r"batch response: Rate limit exceeded: \S+",)  # git-lfs
_LFS_QUOTA = (r"(?:.*: )?batch response: This repository (?:is over|exceeded) its (?:data|LFS budget|LFS) ?quota\..*",)
# The last word of a tool that was not failed by its host, so that an older line does not count.
_OWN = (
    r"curl: \(\d+\) .+",
    r"fatal: .+",
    r"(?:requests\.exceptions|urllib\.error|urllib3\.exceptions|huggingface_hub\.errors|httpx2?)\.\w+: .+",
    r"batch response: .+",
)
# What a client of a hub prints last, whatever went wrong before: the lines above it tell.
_HUB_LAST = re.compile(r"huggingface_hub\.errors\.LocalEntryNotFoundError: An error happened while trying to locate .+")


def _any(forms: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in forms))


_STATUS = tuple(re.compile(one) for one in _ANSWERS)
_WORDS = (
    (_any(_BROKEN), message("The connection was broken off")),
    (_any(_SILENT), message("The host did not answer in time")),
    (_any(_REFUSED_RATE), message("The host answered that it was asked too often")),
    (_any(_LFS_QUOTA), message("The host answered that the repository is over its quota")),
)
_ENDED = _any(_OWN)


def host_failure(lines: Sequence[str]) -> Message | None:
    """Tell in words how a file host failed by what the tools said last, or None where they said something else.

    Args:
        lines: What download.sh printed on standard error; the end of it is read.
    """
    last = [line.strip() for line in lines[-MOST_LINES:] if line.strip() and len(line) < MOST_CHARACTERS]
    for index in range(len(last) - 1, -1, -1):
        if (said := _gdown(last, index)) is not None:
            return said or None
        if _HUB_LAST.fullmatch(last[index]):
            continue
        if (said := _line(last[index])) is not None:
            return said or None
    return None


def says_not_shared(lines: Sequence[str]) -> bool:
    """Tell whether gdown said that a file is not shared with everybody; it says so, too, of one asked for too often."""
    return NOT_SHARED in " ".join(line.strip() for line in lines[-MOST_LINES:])


def _line(line: str) -> Message | None:
    """Tell what one line says: a failure, nothing for a tool's other last word, None for no tool's word."""
    for form in _STATUS:
        if found := form.fullmatch(line):
            status = found["status"]
            return message("The host answered {status}", status=status) if int(status) in _BUSY else NOTHING
    for pattern, words in _WORDS:
        if pattern.fullmatch(line):
            return words
    return NOTHING if _ENDED.fullmatch(line) else None


_GDOWN_HEADS = ("Failed to retrieve file url:", "Access denied with the following error:", "Failed to use proxy:")
_GDOWN_ENDS = ("but Gdown can't. Please check connections and permissions.", "Please check your proxy settings.")
_GDOWN_BUG = "To report issues, please visit https://github.com/wkentaro/gdown/issues."
_GDOWN_BROKEN = re.compile(
    r"\('Connection (?:broken: IncompleteRead|aborted\.', (?:RemoteDisconnected|ConnectionResetError))\(.+"
    r"|HTTPSConnectionPool\(.+RemoteDisconnected\('Remote end closed connection without response'\)\)\)"
)


def _gdown(lines: Sequence[str], index: int) -> Message | None:
    """Read the message of gdown, wrapped to several lines, that ends at `index`; as `_line`."""
    if lines[index] not in (*_GDOWN_ENDS, _GDOWN_BUG):
        return None
    heads = (*_GDOWN_HEADS, "Error:")
    start = next((at for at in range(index - 1, -1, -1) if lines[at].endswith(heads)), None)
    if start is None:
        return NOTHING
    body = " ".join(lines[start + 1 : index])
    if body.startswith(QUOTA):
        return message("Google Drive answered that too many users have downloaded the file recently")
    return message("The connection was broken off") if _GDOWN_BROKEN.fullmatch(body) else NOTHING
