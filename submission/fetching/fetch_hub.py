"""Fetches an adapter from a repository on the hub. Must not know what is inside the files."""

from __future__ import annotations

import shutil
from pathlib import Path

from fetching.sources import Exit, FetchError, Source


def fetch_hub(source: Source, folder: Path, *, names: tuple[str, ...]) -> Path:
    """Bring the named files of a repository into a folder.

    Raises:
        FetchError: The repository or revision does not exist, is not public, or cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = f"hub repository {source.name}"
    # Out of reach of the hub, the client would take what lies in an old folder for the answer.
    shutil.rmtree(folder, ignore_errors=True)
    try:
        snapshot_download(source.name, revision=source.revision, allow_patterns=list(names), local_dir=folder)
    except GatedRepoError as error:
        raise FetchError(Exit.PERMISSION, f"{where} is gated", remedy="turn off the gate in its settings") from error
    except RevisionNotFoundError as error:
        seen = f"{where} has no revision {source.revision!r}"
        raise FetchError(Exit.NOT_FOUND, seen, remedy="check what follows the @ in ADAPTER_SOURCE") from error
    except RepositoryNotFoundError as error:
        raise FetchError(
            Exit.NOT_FOUND, f"{where} does not exist or is private", remedy="check its name and make it public"
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        seen = f"{where} cannot be reached: {str(error).splitlines()[0]}"
        raise FetchError(Exit.NETWORK, seen, remedy="check the network and run this again") from error
    return folder
