"""`harness downloads`: what the store of recorded downloads holds; check it, and make room."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from harness.errors import EXIT_FOUND_ERRORS, ConfigError

_SHOWN = 12


@click.group()
def downloads() -> None:
    """Look after a store of recorded downloads, as `harness grade --downloads FOLDER` fills it."""


def _is_store(context: click.Context, parameter: click.Parameter, folder: Path) -> Path:
    if not (folder / "recordings").is_dir():
        raise ConfigError(
            f"{folder} is no store of downloads: it has no `recordings`.",
            remedy="Give the folder that --downloads named; unless it did, `downloads` beside the run folder.",
        )
    return folder


_folder = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), callback=_is_store)


@downloads.command("list")
@_folder
def list_(folder: Path) -> None:
    """List the recordings in FOLDER: key, time, files, size; and the size of all."""
    from harness.intake.downloads.blobs import Damaged
    from harness.intake.downloads.store import DownloadStore

    store = DownloadStore(folder)
    for path, one in store.all():
        if isinstance(one, Damaged):
            click.echo(f"{path.parent.name[:_SHOWN]}  damaged: {one}")
        else:
            files = [entry for entry in one.entries if entry.kind == "file"]
            size = sum(entry.bytes for entry in files)
            click.echo(f"{one.key[:_SHOWN]}  {one.fetched_at}  {len(files)} files, {size / 1e6:.1f} MB")
    sizes = store.sizes()
    click.echo(f"{len(sizes)} blobs, {sum(sizes.values()) / 1e6:.1f} MB")


@downloads.command()
@_folder
def verify(folder: Path) -> None:
    """Read everything in FOLDER and say what is damaged; exit with 1 if anything is."""
    from harness.intake.downloads.store import DownloadStore

    wrong = list(DownloadStore(folder).verify())
    for one in wrong:
        click.echo(one)
    if wrong:
        click.echo("What is damaged is fetched anew when it is needed.")
        raise SystemExit(EXIT_FOUND_ERRORS)
    click.echo("All is as it was recorded.")


@downloads.command()
@_folder
@click.option(
    "--older-than", "days", type=click.FloatRange(min=0), required=True, metavar="DAYS", help="Age of what goes."
)
def prune(folder: Path, days: float) -> None:
    """Remove recordings in FOLDER that are older than some days, and the files that no other recording needs."""
    from harness.intake.downloads.store import DownloadStore

    gone = DownloadStore(folder).prune(before=datetime.now(UTC) - timedelta(days=days))
    click.echo(f"Removed {gone.recordings} recordings and {gone.blobs} blobs, {gone.bytes / 1e6:.1f} MB.")
