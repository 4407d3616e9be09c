"""Brings the adapter to where the grader looks for it: fetch, check, unpack, put in place. Called by download.sh.

    python submission/download.py --source SOURCE --sha256 HEX --output adapter_checkpoint

The output folder appears whole or not at all. Exit statuses are in `sources.Exit`. Must not import torch.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path

from adapter.files import ADAPTER_FILES, ADAPTER_FOLDER, WEIGHTS_NAME, find_problem
from fetching.archive import take_from_folder, unpack_zip, wrong_file
from fetching.sources import Exit, FetchError, Source, parse_source
from files import replace_own, scratch_folder, sha256_of
from progress import complain, say

WRITABLE = "check that --output and the folder that it lies in can be written to, and that the disk has space"
PACKAGES = "gdown requests huggingface_hub"


def build_parser() -> argparse.ArgumentParser:
    """Declare the options."""
    parser = argparse.ArgumentParser(description="Fetch the trained adapter.")
    parser.add_argument("--source", required=True, help="Drive id or link, Drive folder, https link, hf:owner/name")
    parser.add_argument("--sha256", default="", help="of the zip or of adapter_model.safetensors; empty: not checked")
    parser.add_argument("--output", type=Path, default=Path(ADAPTER_FOLDER), help="folder to make")
    parser.add_argument("--attempts", type=int, default=5, help="tries when the connection breaks (default: 5)")
    parser.add_argument("--retry_wait_s", type=float, default=2.0, help="first wait between tries (default: 2)")
    return parser


def find_archive(fetched: Path, *, sha256: str = "") -> Path | None:
    """Return the zip that was fetched, or None where the files came as they are, whatever else lies there.

    In a folder the zip that the student wrote the SHA-256 of goes first.
    """
    if fetched.is_file():
        return fetched
    archives = sorted(path for path in fetched.rglob("*.zip") if path.is_file())
    if sha256 and (named := [one for one in archives if sha256_of(one) == sha256.lower()]):
        return named[0]
    if any(all((one.parent / name).is_file() for name in ADAPTER_FILES) for one in fetched.rglob(WEIGHTS_NAME)):
        return None
    if len(archives) > 1:
        raise wrong_file(f"more than one zip in the folder: {', '.join(a.name for a in archives)}")
    return archives[0] if archives else None


def check_sha256(expected: str, *, archive: Path | None, weights: Path) -> None:
    """Hold the archive, or else the weights, against the SHA-256 that the student wrote down.

    Raises:
        FetchError: It is of neither.
    """
    seen = {path.name: sha256_of(path) for path in (archive, weights) if path}
    if not expected or expected.lower() in seen.values():
        return
    words = ", ".join(f"{name} has {digest}" for name, digest in seen.items())
    raise FetchError(
        Exit.CHECKSUM,
        f"the SHA-256 is another: ADAPTER_SHA256 says {expected.lower()}, {words}",
        remedy="run this again; if it stays so, the uploaded file is not the packed one: upload and pack again",
    )


def install(fetched: Path, output: Path, *, sha256: str) -> None:
    """Check what was fetched and make it the output folder.

    Raises:
        FetchError: The checksum is wrong or there is no complete adapter in it.
    """
    archive = find_archive(fetched, sha256=sha256)
    with scratch_folder(output) as scratch:
        folder = scratch / "adapter"
        if archive:
            unpack_zip(archive, folder)
        else:
            take_from_folder(fetched, folder)
        check_sha256(sha256, archive=archive, weights=folder / WEIGHTS_NAME)
        if problem := find_problem(folder):
            raise wrong_file(f"the adapter that came is not complete: {problem}")
        replace_own(folder, output, own=ADAPTER_FILES)


def fetch_and_install(source: Source, work: Path, arguments: argparse.Namespace) -> None:
    """Fetch into `work` and make it the output; pieces of several files are fetched once more, from the start.

    A server that gives no ETag does not say that the file became another between two attempts.

    Raises:
        FetchError: It did not work.
    """
    from fetching.fetch import Retry, fetch, forget, is_in_pieces

    retry = Retry(attempts=max(1, arguments.attempts), wait_s=arguments.retry_wait_s)
    for again in (True, False):
        work.mkdir(parents=True, exist_ok=True)
        begun = any(work.iterdir())
        try:
            fetched = fetch(source, work, names=ADAPTER_FILES, retry=retry)
            install(fetched, arguments.output, sha256=arguments.sha256)
            return
        except FetchError as error:
            in_pieces = begun or is_in_pieces(work)
            if not again or not in_pieces or error.code not in {Exit.WRONG_FILE, Exit.CHECKSUM}:
                raise
            say(f"{error.seen}; it came in pieces, so it is fetched once more from the start")
            forget(work)


def download(arguments: argparse.Namespace) -> None:
    """Do all of it.

    Raises:
        FetchError: It did not work; what to do is in the message.
    """
    output: Path = arguments.output
    there = find_problem(output) is None
    if arguments.source or not there:
        source = parse_source(arguments.source)
    if arguments.sha256 and not re.fullmatch(r"[0-9A-Fa-f]{64}", arguments.sha256):
        seen = f"ADAPTER_SHA256 {arguments.sha256!r} is not 64 hexadecimal digits"
        raise FetchError(Exit.USAGE, seen, remedy="copy what sha256sum prints, or leave it empty")
    if there:
        say(f"{output} is already complete; delete it to fetch it again{_not_compared(arguments)}")
        return
    if output.exists() and not output.is_dir():
        raise FetchError(Exit.USAGE, f"--output {output} is no folder", remedy="remove it, or give another --output")
    from fetching.fetch import forget

    work = output.parent / f".{output.name}.download" / hashlib.sha256(arguments.source.encode()).hexdigest()[:16]
    try:
        fetch_and_install(source, work, arguments)
    except FetchError as error:
        if error.code is not Exit.NETWORK:
            forget(work.parent)
        raise
    forget(work.parent)
    size_mb = (output / WEIGHTS_NAME).stat().st_size / 1e6
    say(f"{output} is complete ({size_mb:.1f} MB, SHA-256 of the weights {sha256_of(output / WEIGHTS_NAME)})")


def _not_compared(arguments: argparse.Namespace) -> str:
    """Say that the SHA-256 is not that of the weights: it may be that of the zip which they came in."""
    if not arguments.sha256 or sha256_of(arguments.output / WEIGHTS_NAME) == arguments.sha256.lower():
        return ""
    return " (it was not compared with ADAPTER_SHA256, and nothing was asked of the link)"


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status, one of `sources.Exit`."""
    arguments = build_parser().parse_args(argv)
    try:
        download(arguments)
    except FetchError as error:
        complain(f"download.py: {error}")
        return error.code
    except KeyboardInterrupt:
        complain("download.py: stopped; the same command goes on with what has come")
        return 130
    except ImportError as error:
        complain(f"download.py: {error}\n  What to do: pip install {PACKAGES}")
        return Exit.MISSING_PACKAGE
    except OSError as error:
        complain(f"download.py: {error}\n  What to do: {WRITABLE}")
        return Exit.DISK
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
