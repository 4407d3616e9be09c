"""Fetches an adapter from a link, from Google Drive or from the hub into a work folder, and resumes what was cut short.

Must not know what is inside the files that it fetches.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from fetching.sources import SHARE, Exit, FetchError, Kind, Source, page_error, status_error
from progress import say

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 60.0
# What a broken connection costs: the client drops an unfinished chunk.
CHUNK_BYTES = 1 << 16
MAX_DOWNLOAD_BYTES = 2 << 30
LONGEST_WAIT_S = 60.0
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
# Lies in the work folder where an attempt was cut short.
_CUT_SHORT = "cut_short"


class TryAgainError(Exception):
    """This attempt failed in a way that another one may not."""

    def __init__(self, seen: str, *, wait_s: float = 0.0) -> None:
        super().__init__(seen)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often to try, and how long to wait before the second attempt; the wait doubles each time."""

    attempts: int = 5
    wait_s: float = 2.0


def fetch(source: Source, work: Path, *, names: tuple[str, ...], retry: Retry) -> Path:
    """Fetch a source into `work`.

    Args:
        source: Where from.
        work: An existing folder that is kept between runs, so that a download goes on where it stopped.
        names: The files to take from a hub repository.
        retry: How often to try.

    Returns:
        The file, or the folder where the source is a folder or a repository.

    Raises:
        FetchError: It cannot be had; the error says why and what to do.
    """
    say(f"fetching from {source.kind} {source.name} ...")
    if source.kind is Kind.URL:
        return with_retries(lambda: fetch_url(source.name, work / "archive"), work, where=source.name, retry=retry)
    if source.kind is Kind.HUB:
        from fetching.fetch_hub import fetch_hub

        return fetch_hub(source, work / "files", names=names)
    return with_retries(lambda: _fetch_drive(source, work), work, where=f"Drive id {source.name}", retry=retry)


def with_retries(attempt: Callable[[], Path], work: Path, *, where: str, retry: Retry) -> Path:
    """Call `attempt` until it succeeds, fails for good, or the tries are used up; note it in `work` if one is not."""
    for number in range(1, retry.attempts + 1):
        try:
            return attempt()
        except TryAgainError as error:
            seen = str(error)
            if any(work.iterdir()):
                (work / _CUT_SHORT).touch()
            if number < retry.attempts:
                wait_s = min(LONGEST_WAIT_S, max(error.wait_s, retry.wait_s * 2 ** (number - 1)))
                say(f"{seen}; attempt {number + 1} of {retry.attempts} in {wait_s:g} s")
                time.sleep(wait_s)
    remedy = "check the network and run this again: it goes on where it stopped"
    raise FetchError(Exit.NETWORK, f"{where}: {seen}, {retry.attempts} times", remedy=remedy)


def fetch_url(url: str, destination: Path) -> Path:
    """Make one attempt to bring a URL into a file, going on from `destination.part` if there is one.

    Raises:
        FetchError: The server says no, or what comes is a web page.
        TryAgainError: The server is busy or the connection broke.
    """
    part = destination.with_name(destination.name + ".part")
    etag = destination.with_name(destination.name + ".etag")
    have_bytes = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have_bytes:
        headers["Range"] = f"bytes={have_bytes}-"
        if etag.exists():
            headers["If-Range"] = etag.read_text()
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)) as answer:
            if answer.status_code == 416:
                part.unlink(missing_ok=True)
                raise TryAgainError("the server cannot go on from where the last run stopped")
            _check_answer(answer, url)
            going_on = answer.status_code == 206 and _starts_at(answer, part, have_bytes)
            _note_etag(answer, etag)
            _save(answer, part, mode="ab" if going_on else "wb")
    except requests.exceptions.SSLError as error:
        raise FetchError(
            Exit.NETWORK, f"{url}: {error}", remedy="check the machine's clock and certificates"
        ) from error
    except (requests.exceptions.TooManyRedirects, ValueError) as error:  # the second is what a link amiss raises
        raise FetchError(Exit.USAGE, f"{url}: {error}", remedy="check the link in ADAPTER_SOURCE") from error
    except requests.RequestException as error:
        raise TryAgainError(f"the connection failed ({type(error).__name__})") from error
    refuse_page(part, where=url)
    part.replace(destination)
    return destination


def refuse_page(path: Path, *, where: str) -> None:
    """Remove a file that turns out to be a web page, and say what the page means."""
    with path.open("rb") as file:
        head = file.read(1024).lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        text = path.read_text(encoding="utf-8", errors="replace")
        path.unlink()
        raise page_error(text, where=where)


def _check_answer(answer: requests.Response, url: str) -> None:
    if answer.status_code in BUSY:
        wait = answer.headers.get("Retry-After", "")
        raise TryAgainError(f"HTTP status {answer.status_code}", wait_s=float(wait) if wait.isdecimal() else 0.0)
    if answer.status_code not in {200, 206}:
        raise status_error(answer.status_code, answer.text, where=url)
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise page_error(answer.text, where=url)


def _starts_at(answer: requests.Response, part: Path, have_bytes: int) -> bool:
    if answer.headers.get("Content-Range", "").startswith(f"bytes {have_bytes}-"):
        say(f"going on from {have_bytes:,} bytes")
        return True
    part.unlink(missing_ok=True)
    raise TryAgainError("the server sent another part of the file than was asked for")


def _note_etag(answer: requests.Response, etag: Path) -> None:
    value = answer.headers.get("ETag", "")
    if value and not value.startswith("W/"):
        etag.write_text(value)
    else:
        etag.unlink(missing_ok=True)


def _save(answer: requests.Response, part: Path, *, mode: str) -> None:
    with part.open(mode) as file:
        for chunk in answer.iter_content(CHUNK_BYTES):
            file.write(chunk)
            if file.tell() > MAX_DOWNLOAD_BYTES:
                raise FetchError(
                    Exit.WRONG_FILE,
                    f"more than {MAX_DOWNLOAD_BYTES:,} bytes came",
                    remedy="hand in the adapter alone (about 66 MB), never the base model",
                )


def _fetch_drive(source: Source, work: Path) -> Path:
    import gdown
    from gdown import exceptions

    # gdown 5.2 raises the first, 6 the second.
    refusals = tuple(
        getattr(exceptions, n) for n in ("FileURLRetrievalError", "DownloadError") if hasattr(exceptions, n)
    )
    where = f"Drive id {source.name}"
    try:
        if source.kind is Kind.DRIVE_FOLDER:
            folder = f"https://drive.google.com/drive/folders/{source.name}"
            if not gdown.download_folder(
                folder, output=str(work / "files"), quiet=True, use_cookies=False, resume=True
            ):
                raise drive_error(folder, "", where=where)
            return work / "files"
        file = f"https://drive.google.com/uc?id={source.name}"
        gdown.download(file, str(work / "archive"), quiet=True, use_cookies=False, resume=True)
    except (*refusals, RuntimeError) as error:
        raise drive_error(file if source.kind is Kind.DRIVE_FILE else folder, str(error), where=where) from error
    except requests.RequestException as error:
        raise TryAgainError(f"the connection failed ({type(error).__name__})") from error
    refuse_page(work / "archive", where=where)
    return work / "archive"


def drive_error(url: str, words: str, *, where: str) -> FetchError:
    """Say why Drive did not give a file: from gdown's words, or else from the page that Drive shows."""
    error = page_error(words, where=where)
    if error.code is not Exit.WRONG_FILE:
        return error
    try:
        answer = requests.get(url, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S))
    except requests.RequestException as failure:
        raise TryAgainError(f"the connection failed ({type(failure).__name__})") from failure
    if answer.status_code in BUSY:
        raise TryAgainError(f"HTTP status {answer.status_code}")
    if answer.status_code != 200:
        return status_error(answer.status_code, answer.text, where=where)
    error = page_error(f"{answer.url} {answer.text}", where=where)
    if error.code is Exit.WRONG_FILE:
        return FetchError(
            Exit.PERMISSION, f"{where}: Drive gives no file to people who are not signed in", remedy=SHARE
        )
    return error


def is_in_pieces(work: Path) -> bool:
    """Tell whether what was fetched may be put together out of several attempts, and so out of several files."""
    return (work / _CUT_SHORT).exists()


def forget(work: Path) -> None:
    """Remove what earlier runs left in the work folder."""
    shutil.rmtree(work, ignore_errors=True)
