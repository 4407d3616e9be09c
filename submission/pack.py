"""Makes the hand-in: code and scripts in a folder named after the student, with download.sh filled in, without weights.

    python submission/pack.py --adapter adapter_checkpoint.zip        # before the upload: would it be taken?
    python submission/pack.py --student_id r13921031 --source 'YOUR LINK' --adapter adapter_checkpoint.zip \\
        --output r13921031.zip

Must not upload anything, and packs no weights: the grader fetches them with download.sh.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import limits
from adapter.admission import find_refusals
from adapter.files import ADAPTER_ZIP, CONFIG_NAME, WEIGHTS_NAME
from code_files import README, SCRIPTS, files_to_pack
from fetching.archive import DAMAGED, unpack_zip
from fetching.sources import FetchError, Kind, parse_source
from files import InputError, put_in_place, scratch_folder, sha256_of
from progress import a_few, complain

ROOT = Path(__file__).resolve().parent.parent
NOT_COMPARED = " (its layers were not compared with the base model's: that takes --base_model)"
PASTE = (
    "Upload it, then run this again with --student_id, --source and --output; or paste into download.sh:",
    '  ADAPTER_SOURCE="LINK"',
)
LOOSE = f'For a Drive folder or hf:owner/name with {CONFIG_NAME} and {WEIGHTS_NAME} in it: ADAPTER_SHA256="{{sha256}}"'
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def build_parser() -> argparse.ArgumentParser:
    """Declare the options."""
    parser = argparse.ArgumentParser(description="Pack the hand-in.")
    parser.add_argument("--student_id", help="like r13921031")
    parser.add_argument("--source", help="where you uploaded the adapter; goes into download.sh")
    parser.add_argument(
        "--adapter", required=True, type=Path, help="adapter_checkpoint.zip as you uploaded it; its SHA-256 goes along"
    )
    parser.add_argument("--output", type=Path, help="a .zip, or a folder in which ID/ is made")
    parser.add_argument(
        "--base_model", type=Path, help="folder of the base model: the adapter is held against its layers, too"
    )
    return parser


def fill_in(script: str, *, source: str, sha256: str) -> str:
    """Return download.sh with its two variables set.

    Raises:
        InputError: The source cannot stand between double quotes, or a variable's line is gone.
    """
    if bad := set(source) & set('"$`\\\n'):
        raise InputError(
            f"--source holds {' '.join(sorted(map(repr, bad)))}, which the shell would read; escape it as %XX"
        )
    for name, value in (("ADAPTER_SOURCE", source), ("ADAPTER_SHA256", sha256)):
        script, count = re.subn(rf'^{name}=".*"$', f'{name}="{value}"', script, flags=re.MULTILINE)
        if count != 1:
            raise InputError(f'download.sh must have exactly one line {name}="..."; it has {count}: put it back')
    return script


def check_adapter(archive: Path, *, base_model: Path | None = None) -> tuple[str, int]:
    """Make sure that the zip holds an adapter that the grader's gate will take.

    Returns:
        The SHA-256 of its weights, and their bytes.

    Raises:
        InputError: It is no zip with an adapter in it, or would be refused; the message names everything that is wrong.
    """
    if archive.is_dir():
        zips = [archive.parent / f"{archive.name}.zip", archive / ADAPTER_ZIP]
        give = next((str(one) for one in zips if one.is_file()), f"the {ADAPTER_ZIP} that train.py wrote")
        raise InputError(f"--adapter {archive} is a folder; give {give}")
    if not archive.is_file():
        raise InputError(f"no file {archive}; give the adapter_checkpoint.zip that train.py wrote")
    if base_model is not None and not base_model.is_dir():
        raise InputError(f"no folder {base_model}; give the folder of the base model, or leave --base_model out")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "adapter"
        try:
            unpack_zip(archive, folder)
        except FetchError as error:
            raise InputError(f"{archive}: {error.seen}; give the adapter_checkpoint.zip that train.py wrote") from error
        if refusals := find_refusals(folder, base_model=base_model):
            lines = "".join(f"\n  - {one}" for one in refusals)
            raise InputError(f"the grader would refuse the adapter in {archive}:{lines}")
        return sha256_of(folder / WEIGHTS_NAME), (folder / WEIGHTS_NAME).stat().st_size


def check_output(output: Path, adapter: Path) -> None:
    """Make sure that the hand-in does not go where something else is.

    Raises:
        InputError: --output is the adapter, or a file that is no .zip.
    """
    if output.exists() and adapter.exists() and output.samefile(adapter):
        raise InputError(f"--output {output} is the adapter, which would be lost; choose another name")
    if output.is_file() and output.suffix != ".zip":
        raise InputError(f"--output {output} is a file; --output must be a .zip or a folder")


def refuse_to_replace(final: Path, *, student_id: str) -> None:
    """Make sure that nothing is lost: a zip of an earlier call may be replaced, as it was written, and nothing else.

    Raises:
        InputError: Something else is there, or something was added.
    """
    if not final.exists():
        return
    remove = "remove it or choose another --output"
    if final.suffix != ".zip":
        raise InputError(f"{final} exists; {remove}")
    if final.is_dir():
        raise InputError(f"{final} is a folder; {remove}")
    entries: list[zipfile.ZipInfo] = []
    with suppress(*DAMAGED, OSError), zipfile.ZipFile(final) as file:
        entries = file.infolist()
    if not {entry.filename for entry in entries} >= {f"{student_id}/{name}" for name in SCRIPTS}:
        raise InputError(f"{final} exists and is no hand-in of {student_id}; {remove}")
    if added := [entry.filename for entry in entries if not _is_packed(entry, student_id=student_id)]:
        raise InputError(f"{final} holds what pack.py did not write, and would be replaced: {a_few(added)}; {remove}")


def _is_packed(entry: zipfile.ZipInfo, *, student_id: str) -> bool:
    """Tell whether `pack` wrote an entry: whoever adds or changes one by other means gives it the time of day."""
    top, _, name = entry.filename.partition("/")
    packed = name in (*SCRIPTS, README) or (name.startswith("submission/") and name.endswith(".py"))
    return top == student_id and packed and entry.date_time == _ZIP_DATE


def pack(root: Path, output: Path, *, student_id: str, source: str, sha256: str) -> Path:
    """Write the hand-in, whole or not at all, and return its path: the zip, or the folder named after the student.

    Raises:
        InputError: Something cannot be packed, or what is already there is not to be replaced.
    """
    zipped = output.suffix == ".zip"
    final = output if zipped or output.name == student_id else output / student_id
    refuse_to_replace(final, student_id=student_id)
    with scratch_folder(final) as scratch:
        folder = scratch / student_id
        for name, path in files_to_pack(root).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
            (folder / name).chmod(0o755 if name in SCRIPTS else 0o644)
        script = (folder / "download.sh").read_text(encoding="utf-8")
        (folder / "download.sh").write_text(fill_in(script, source=source, sha256=sha256), encoding="utf-8")
        put_in_place(_zip(folder, scratch / "hand-in.zip") if zipped else folder, final)
    return final


def _zip(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), date_time=_ZIP_DATE)
            entry.external_attr = (0o100000 | (path.stat().st_mode & 0o777)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes())
    return archive


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, or 2 when something cannot be packed."""
    arguments = build_parser().parse_args(argv)
    try:
        print("\n".join(_work(arguments)))
    except (InputError, FetchError, OSError) as error:
        complain(f"pack.py: {error}")
        return 2
    return 0


def _work(arguments: argparse.Namespace) -> list[str]:
    """Check, pack if there is a source, and give what is to be printed."""
    wanted = {f"--{name}": getattr(arguments, name) for name in ("student_id", "source", "output")}
    missing = [name for name, value in wanted.items() if not value]
    if 0 < len(missing) < len(wanted):
        raise InputError(
            f"{' and '.join(missing)} must be given too; or --adapter alone, to look at it before the upload"
        )
    if not missing and not re.fullmatch(limits.STUDENT_ID, arguments.student_id):
        raise InputError(f"--student_id {arguments.student_id!r} is not like r13921031: a small letter and 8 digits")
    if not missing:
        check_output(arguments.output, arguments.adapter)
    kind = Kind.URL if missing else parse_source(arguments.source).kind
    weights_sha256, weights_bytes = check_adapter(arguments.adapter, base_model=arguments.base_model)
    archive_sha256 = sha256_of(arguments.adapter)
    lines = [
        f"{arguments.adapter}: {arguments.adapter.stat().st_size:,} bytes, SHA-256 {archive_sha256}",
        f"  {WEIGHTS_NAME} in it: {weights_bytes:,} bytes, SHA-256 {weights_sha256}",
        "  the grader's gate has nothing against it" + ("" if arguments.base_model else NOT_COMPARED),
    ]
    if missing:
        # A folder or repository is fetched file by file.
        return [*lines, *PASTE, f'  ADAPTER_SHA256="{archive_sha256}"', LOOSE.format(sha256=weights_sha256)]
    sha256 = weights_sha256 if kind in {Kind.HUB, Kind.DRIVE_FOLDER} else archive_sha256
    made = pack(ROOT, arguments.output, student_id=arguments.student_id, source=arguments.source, sha256=sha256)
    return [
        *lines,
        f"packed {made}; its download.sh says",
        f'  ADAPTER_SOURCE="{arguments.source}"',
        f'  ADAPTER_SHA256="{sha256}"',
    ]


if __name__ == "__main__":
    sys.exit(main())
