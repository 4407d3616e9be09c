"""Fuzzes one reader with atheris: `python fuzz_readers.py archive|header FOLDER SECONDS`. `make fuzz` calls it.

Keeps its corpus in FOLDER; an input that breaks an invariant is kept there as `crash-…`, and the exit status is not 0.
"""

import sys
import tempfile
from pathlib import Path

import atheris
import reader_corpus

with atheris.instrument_imports(include=["harness.intake", "zipfile", "tarfile", "gzip"]):
    import reader_invariants

READERS = {"archive": reader_corpus.archives, "header": reader_corpus.headers}
LONGEST_BYTES = 20_000
SLOWEST_S = 20


def main(reader: str, folder: Path, seconds: int) -> None:
    """Write the seeds, fuzz for some seconds; atheris ends the process."""
    corpus = folder / reader
    corpus.mkdir(parents=True, exist_ok=True)
    for name, content in READERS[reader]().items():
        (corpus / f"seed-{name}").write_bytes(content)
    (folder / "words.dict").write_text(reader_corpus.dictionary())
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as work:
        hold = reader_invariants.hold_header if reader == "header" else reader_invariants.ArchiveInvariant(Path(work))
        limits = (
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST_BYTES}",
            f"-timeout={SLOWEST_S}",
            "-rss_limit_mb=2048",
        )
        flags = (*limits, f"-artifact_prefix={folder}/", f"-dict={folder}/words.dict", "-print_final_stats=1")
        atheris.Setup([sys.argv[0], *flags, str(corpus)], lambda data: bool(hold(data)) and None)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
