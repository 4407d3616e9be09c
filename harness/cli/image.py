"""`harness image`: build, base, verify. Declares options, calls one function, prints; loads docker late."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

DEFAULT_BASE = "debian:bookworm-slim"
LOCK_NAME = "image.lock"
LASTING = ("base:", "wheels:", "image ", "Step ", "another ")

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
project_option = click.option(
    "--project", type=_FOLDER, default=Path(), help="Folder of the Dockerfile and requirements/.  [default: here]"
)
lock_option = click.option("--lock", type=_FILE, help=f"The image lock.  [default: {LOCK_NAME} in the project]")
base_option = click.option("--base", default=DEFAULT_BASE, show_default=True, help="Image to build on.")
cache_option = click.option(
    "--cache-dir",
    type=_FOLDER,
    default="~/.cache/lora-harness",
    show_default=True,
    help="Keeps wheels between builds.",
)


@click.group()
def image() -> None:
    """Build or verify the container image that submissions run in."""


@image.command()
@click.option(
    "--flavour",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto: cpu where pip finds torch's CPU build, else cuda, which is larger and runs on a CPU as well.",
)
@click.option("--tag", help="Name of the image.  [default: lora-harness:FLAVOUR]")
@click.option("--ca-bundle", type=_FILE, help="PEM file of certificates that the image is to trust as well.")
@base_option
@lock_option
@cache_option
@project_option
def build(
    *,
    flavour: str,
    tag: str | None,
    ca_bundle: Path | None,
    base: str,
    lock: Path | None,
    cache_dir: Path,
    project: Path,
) -> None:
    """Build the image; does nothing when its inputs are unchanged and it still exists."""
    from harness.sandbox.image.build import ImageSpec, build_image
    from harness.sandbox.image.lock import write_lock
    from harness.sandbox.image.wheels import CpuTorchMissing

    def spec(flavour: str) -> ImageSpec:
        return ImageSpec(
            flavour=flavour,
            project_root=project.absolute(),
            cache_dir=cache_dir.expanduser().absolute(),
            tag=tag or f"lora-harness:{flavour}",
            base=base,
            ca_bundle=ca_bundle,
        )

    target = lock or project / LOCK_NAME
    console, started = Console(), time.monotonic()
    with _shown_progress(console) as progress:
        try:
            made = build_image(spec("cpu" if flavour == "auto" else flavour), progress=progress)
        except CpuTorchMissing:
            if flavour != "auto":
                raise
            progress("wheels: pip finds no CPU build of torch; building the cuda flavour, several GB larger")
            made = build_image(spec("cuda"), progress=progress)
        write_lock(made, target)
    _tell(console, made.tag, made.image_id, f"{made.size_bytes / 1e9:.2f} GB", f"base from {made.base.origin}")
    _tell(console, f"lock {target}", f"{time.monotonic() - started:.1f} s")


@image.command()
@base_option
@cache_option
def base(*, base: str, cache_dir: Path) -> None:
    """Bring the base into the engine: pull it, or make it from Debian's packages where no registry answers."""
    from harness.sandbox.image.build import ensure_base

    console, started = Console(), time.monotonic()
    with _shown_progress(console) as progress:
        made, name = ensure_base(base, cache_dir=cache_dir.expanduser().absolute(), progress=progress)
    _tell(console, name, made.digest, f"from {made.origin}", f"{time.monotonic() - started:.1f} s")


@image.command()
@lock_option
@project_option
def verify(*, lock: Path | None, project: Path) -> None:
    """Check that the engine holds the image of the lock and that the project's inputs are those it was made from."""
    from harness.sandbox.image.build import verify_image
    from harness.sandbox.image.lock import read_lock

    known = read_lock(lock or project / LOCK_NAME)
    verify_image(known, project_root=project.absolute())
    _tell(Console(), known.tag, known.image_id, "is the image of the lock")


@contextmanager
def _shown_progress(console: Console) -> Iterator[Callable[[str], None]]:
    """Keep milestones on the screen; everything else passes by in one line beside a spinner."""
    with console.status("starting") as status:

        def show(line: str) -> None:
            status.update(escape(line))
            if line.startswith(LASTING):
                console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield show


def _tell(console: Console, *parts: str) -> None:
    console.print("  ".join(parts), markup=False, highlight=False, soft_wrap=True)
