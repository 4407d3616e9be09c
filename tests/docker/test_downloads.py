"""The fetch stage against a server of this machine, through the proxy: hosts that fail, recordings, replays."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HostFault
from harness.intake.adapter.base import BaseShapes
from harness.intake.downloads.store import DownloadStore
from harness.intake.layout import tree_sha256
from harness.model.result import StageResult, StageStatus
from harness.model.submission import Submission
from harness.sandbox.docker import DockerSandbox
from harness.schema.assignment import load_assignment
from harness.stages.context import Context, Workspace
from harness.stages.fetch import fetch
from harness.stages.retries import Retries

from .origin import Origin, origin

pytestmark = pytest.mark.docker
QUICK = Retries(first_s=0.05)
ADAPTER = "mkdir -p adapter_checkpoint\necho '{}' > adapter_checkpoint/adapter_config.json\n"
GET = "curl -fsS $HTTP/{} -o adapter_checkpoint/adapter_model.safetensors\n"
QUOTA_PAGE = (
    "<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>"
    '<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently. Please try accessing '
    "the file again later.</p></body></html>"
)
WEIGHTS = Path("adapter_checkpoint/adapter_model.safetensors")


@pytest.fixture(scope="module")
def site(sandbox_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """Give a server of this machine that jobs can be let to."""
    folder = tmp_path_factory.mktemp("site") / "www"
    folder.mkdir()
    with contextlib.closing(DockerSandbox(sandbox_image)) as sandbox, origin(sandbox.host_address(), folder) as found:
        yield found


@pytest.fixture
def times() -> list[datetime]:
    """The times that the store's clock tells, one after the other."""
    return [datetime(2026, 12, 31, 20, 14, tzinfo=UTC), datetime(2027, 1, 2, 8, 0, tzinfo=UTC)]


@pytest.fixture
def store(tmp_path: Path, times: list[datetime]) -> DownloadStore:
    """A store with that clock."""
    told = iter(times)
    return DownloadStore(tmp_path / "downloads", now=lambda: next(told))


@pytest.fixture
def fetched(
    sandbox: DockerSandbox, site: Origin, root: Path, tmp_path: Path
) -> Callable[..., tuple[StageResult, Path]]:
    """Give a function that fetches with a script, and gives the stage's result and the submission's folder."""
    (site.folder / "file").write_text("the adapter\n" * 1000)
    loaded = load_assignment(root / "assignments" / "classical-chinese").assignment

    def run(script: str, *, timeout_s: float = 30.0, name: str = "one", **changes: Any) -> tuple[StageResult, Path]:
        hosts = changes.pop("hosts", (site.http, site.https))
        rules = replace(loaded.stages.fetch, hosts=hosts, timeout_s=timeout_s, cpus=1.0)
        assignment = replace(loaded, stages=replace(loaded.stages, fetch=rules), **changes.pop("assignment", {}))
        folder = tmp_path / name
        workspace = Workspace(scratch=folder / "scratch", kept=folder / "kept", adapter=folder / "adapter")
        shutil.rmtree(workspace.scratch, ignore_errors=True)
        workspace.make()
        workspace.tree.mkdir()
        (workspace.tree / "download.sh").write_text(f"HTTP=http://{site.http} HTTPS=https://{site.https}\n{script}")
        (workspace.tree / "run.sh").write_text("as handed in\n")
        workspace.tree_digest.write_text(tree_sha256(workspace.tree))
        context = Context(
            assignment=assignment,
            base=loaded.base_models[0],
            base_path=root,
            base_shapes=BaseShapes(modules={}),
            examples=(),
            split="private",
            sandbox=sandbox,
            harness_package=root,
            **{"retries": QUICK, **changes},
        )
        result = fetch(context, Submission(id="r13921031", source=root), workspace)
        assert not (workspace.scratch / "handed-in").exists()
        return result, workspace.tree

    return run


Fetched = Callable[..., tuple[StageResult, Path]]


def test_429_twice_and_then_the_file(fetched: Fetched, site: Origin, tmp_path: Path) -> None:
    script = "set -e\n[[ $(cat run.sh) == 'as handed in' ]]\n[[ ! -e half ]]\ntouch half\necho changed > run.sh\n"
    result, tree = fetched(script + ADAPTER + GET.format("as/flaky/2/429/file"))
    assert result.status is StageStatus.PASSED
    assert result.summary == (f"4 files, 0.0 MB; at try 3; before: `{site.http}` answered 429 (the proxy saw it)")
    assert (tree / WEIGHTS).read_text() == "the adapter\n" * 1000
    logs = sorted(one.name for one in (tmp_path / "one" / "kept" / "logs").glob("*.stderr.log"))
    assert logs == ["fetch.stderr.log", "try-1.fetch.stderr.log", "try-2.fetch.stderr.log"]


@pytest.mark.parametrize(
    ("ask", "seen"),
    [
        ("curl -fsS $HTTP/as/status/503", "`{http}` answered 503. Known because the proxy saw it."),
        ("curl -fsS $HTTP/as/reset", "`{http}` broke the connection off. Known because the proxy saw it."),
        ("curl -fsSk $HTTPS/as/status/503", "The host answered 503. Known because download.sh said so."),
        (
            "wget -t 1 --no-check-certificate -nv $HTTPS/as/reset",
            "The connection was broken off. Known because download.sh",
        ),
        (
            "curl -fsSk --max-time 1 $HTTPS/as/slow/3",
            "The host did not answer in time. Known because download.sh said so.",
        ),
        (
            "curl -sS $HTTP/quota -o adapter.zip; unzip -q adapter.zip",
            'The host answered with a page titled "Google Drive - Quota exceeded" in place of the file. Known because '
            "the page that it brought says so.",
        ),
    ],
)
def test_a_host_that_fails_for_ever_is_not_the_students_fault(
    fetched: Fetched, site: Origin, ask: str, seen: str
) -> None:
    (site.folder / "quota").write_text(QUOTA_PAGE)
    ends_well = "unzip" in ask
    with pytest.raises(HostFault) as caught:
        fetched(f"{ask}\n" + ("true" if ends_well else "exit 3"), retries=replace(QUICK, tries=2))
    assert str(caught.value).startswith("A file host failed download.sh: " + seen.format(http=site.http))
    assert "Tried 2 times in " in str(caught.value)
    assert "`harness grade --resume` tries again later" in caught.value.remedy


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        ("curl -fsS $HTTP/none", "FET002"),
        ("curl -fsSk $HTTPS/as/status/403; false", "FET002"),
        (
            "curl https://elsewhere.example/x; echo 'curl: (22) The requested URL returned error: 503' >&2; exit 1",
            "FET008",
        ),
        ("echo 'curl: (22) The requested URL returned error: 503' >&2; exit 1", "FET002"),
        ("curl -fsS $HTTP/file > /dev/null; echo 'answer: error: 429' >&2; exit 1", "FET002"),
        ("curl -fsS $HTTP/as/flaky/1/503/file; curl -fsS $HTTP/as/flaky/1/503/file > /dev/null; exit 1", "FET002"),
    ],
    ids=["404", "403", "refused", "forged without a host", "no tool's words", "served in the end"],
)
def test_what_is_the_students_is_not_tried_again(fetched: Fetched, tmp_path: Path, ask: str, code: str) -> None:
    result, _ = fetched(f"echo x >> $HOME/count\n{ask}")
    assert result.findings[0].code == code
    assert not list((tmp_path / "one" / "kept" / "logs").glob("try-*"))


def test_a_page_behind_a_sign_in_is_told_with_how_to_share(fetched: Fetched, site: Origin) -> None:
    (site.folder / "page").write_text("<html><head><title>Google Drive: Sign-in</title></head></html>")
    result, _ = fetched(ADAPTER + GET.format("page"))
    (found,) = result.findings
    assert found.code == "FET013"
    assert found.seen == f'`{WEIGHTS}` is a web page, titled "Google Drive: Sign-in".'
    assert "Anyone with the link" in found.fix


def test_all_tries_share_one_budget(fetched: Fetched) -> None:
    """By a clock that only waits move: the first fits into 30 s, the second does not."""
    waits: list[float] = []
    retries = Retries(first_s=20.0, clock=lambda: sum(waits), sleep=waits.append)
    with pytest.raises(HostFault, match=r"answered 503\. Known because the proxy saw it\. Tried 2 times"):
        fetched("curl -fsS $HTTP/as/status/503", retries=retries)
    assert len(waits) == 1 and 10.0 <= waits[0] <= 20.0


def test_a_try_cut_short_by_those_before_is_not_the_students_fault(fetched: Fetched) -> None:
    script = "curl -fsS $HTTP/as/flaky/1/502/file || { sleep 2; exit 1; }\nsleep 60"
    with pytest.raises(HostFault, match="answered 502"):
        fetched(script, timeout_s=5.0)


def test_a_recorded_fetch_is_replayed_without_server_and_container(
    fetched: Fetched, store: DownloadStore, site: Origin, tmp_path: Path
) -> None:
    script = (
        ADAPTER + GET.format("file") + "chmod 700 download.sh; rm run.sh; ln -s nowhere link; mkdir empty; echo well\n"
    )
    first, tree = fetched(script, downloads=store)
    made = {path.relative_to(tree): path.lstat().st_size for path in tree.rglob("*") if not path.is_dir()}
    (site.folder / "file").unlink()
    second, tree = fetched(script, downloads=store, name="two")
    assert (first.summary, first.receipt is None) == ("4 files, 0.0 MB", False)
    assert second.summary == "4 files, 0.0 MB; replayed: fetched 2026-12-31 20:14 UTC"
    assert (second.status, second.findings) == (StageStatus.PASSED, ())
    assert first.receipt is not None  # the second has what is recorded of it
    assert second.receipt == replace(first.receipt, peak_memory_bytes=None)
    assert {path.relative_to(tree): path.lstat().st_size for path in tree.rglob("*") if not path.is_dir()} == made
    assert (tree / "link").readlink() == Path("nowhere") and (tree / "empty").is_dir()
    assert (tmp_path / "two" / "kept" / "logs" / "fetch.stdout.log").read_text() == "well\n"
    one, two = (tmp_path / name / "kept" / "evidence" / "downloads.json" for name in ("one", "two"))
    assert one.read_text() == two.read_text()


def test_what_a_container_writes_changes_no_blob(
    fetched: Fetched, store: DownloadStore, sandbox: DockerSandbox
) -> None:
    script = ADAPTER + GET.format("file")
    for name in ("one", "two"):
        _, tree = fetched(script, downloads=store, name=name)
        (tree / WEIGHTS).write_text("changed in place")
    assert list(store.verify()) == []


def test_a_damaged_blob_is_fetched_anew(fetched: Fetched, store: DownloadStore) -> None:
    script = ADAPTER + GET.format("file")
    _, tree = fetched(script, downloads=store)
    (blob,) = (one for one in (store.root / "blobs").rglob("*") if one.is_file() and one.stat().st_size == 12_000)
    blob.chmod(0o644)
    blob.write_bytes(b"another adapter\n")
    result, tree = fetched(script, downloads=store, name="two")
    assert result.summary == f"2 files, 0.0 MB; not replayed: the blob {blob.name} is not what it was"
    assert (tree / WEIGHTS).read_text() == "the adapter\n" * 1000
    assert list(store.verify()) == []


@pytest.mark.parametrize(
    ("deadline", "code", "place"),
    [
        ("2027-01-01T23:59:00+08:00", "FET012", "lies between the two"),
        ("2026-12-01T23:59:00+08:00", "FET012", "lies before both"),
        ("2027-02-01T23:59:00+08:00", "FET011", "lies after both"),
    ],
)
def test_what_changed_since_is_told_and_stays_told(
    fetched: Fetched, store: DownloadStore, site: Origin, root: Path, deadline: str, code: str, place: str
) -> None:
    late = load_assignment(root / "assignments" / "classical-chinese").assignment.late
    assert late is not None
    changes = {"downloads": store, "assignment": {"late": replace(late, deadline=deadline)}}
    script = ADAPTER + GET.format("file")
    fetched(script, **changes)
    (site.folder / "file").write_text("a better adapter\n")
    again, tree = fetched(script, fetch_again=True, name="two", **changes)
    assert (tree / WEIGHTS).read_text() == "a better adapter\n"
    (found,) = again.findings
    assert (found.code, again.status) == (code, StageStatus.PASSED)
    assert found.seen == (
        f"Between the fetches of 2026-12-31 20:14 UTC and 2027-01-02 08:00 UTC, the adapter's weights changed: "
        f"`{WEIGHTS}` was 15797c6b1186… and is 81e2ab6721f1… (1 paths differ)."
    )
    assert place in found.limit
    replayed, _ = fetched(script, name="three", **changes)
    assert replayed.findings == again.findings


def test_a_failed_fetch_is_not_recorded(fetched: Fetched, store: DownloadStore) -> None:
    fetched("exit 1", downloads=store)
    fetched("true", downloads=store)
    assert list(store.all()) == []
