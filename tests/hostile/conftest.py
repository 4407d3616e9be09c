"""Chooses engines and cases, and makes the batch that all cases of an engine are graded in.

Without HARNESS_HOSTILE_ENGINES a seeded sample of cheap cases runs on Docker and as processes; with it (`make hostile`
sets it) all cases run on the engines that it names. An engine that does not answer is skipped.
"""

import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from rich.table import Table

from harness.sandbox.choose import choose_sandbox

from .case import DOCKER, PROCESS, Case, all_cases
from .engines import Place, place_of
from .grading import Batch
from .host import own_use
from .parts import SECRET
from .suite import REFERENCE, ROW, Row, Suite

SEED, SAMPLE = 7, 6
LIMITS = {"timeout_s": 20, "memory_bytes": 256_000_000, "disk_bytes": 50_000_000, "output_bytes": 200_000, "cpus": 1}
SCORING = {"timeout_s": 120, "memory_bytes": 4_000_000_000, "disk_bytes": 50_000_000, "cpus": 1}


def _wanted() -> list[tuple[str, Case]]:
    """Give pairs of engine and case."""
    engines = os.environ.get("HARNESS_HOSTILE_ENGINES", "").replace(",", " ").split()
    if engines:
        return [(engine, case) for engine in engines for case in all_cases() if engine in case.on]
    draw = random.Random(SEED)
    cheap = [case for case in all_cases() if case.cheap]
    return [
        (engine, case)
        for engine in (DOCKER, PROCESS)
        for case in draw.sample([case for case in cheap if engine in case.on], SAMPLE)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    pairs = _wanted()
    if "case" in metafunc.fixturenames:
        ids = [f"{engine}-{case.theme}-{case.name}" for engine, case in pairs]
        values = [pytest.param(*pair, id=name, marks=_marks(pair[0])) for pair, name in zip(pairs, ids, strict=True)]
        metafunc.parametrize(("place", "case"), values, indirect=["place"], scope="session")
    elif "place" in metafunc.fixturenames:
        engines = [pytest.param(engine, marks=_marks(engine)) for engine in dict.fromkeys(one for one, _ in pairs)]
        metafunc.parametrize("place", engines, indirect=True, scope="session")


def _marks(engine: str) -> list[pytest.MarkDecorator]:
    """Keep an engine's cases together and in order where tests run at the same time."""
    return [pytest.mark.xdist_group(engine)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.getreports(kind)]
    rows = [Row(**value) for one in reports for name, value in one.user_properties if name == ROW]
    if not rows:
        return
    rows.sort(key=lambda row: row.engine)
    table = Table("engine", "case", "must end in", "ended in", "seconds", title="hostile cases")
    for row in rows:
        table.add_row(row.engine, row.case, row.wanted, row.got, f"{row.seconds:.1f}", style="" if row.fine else "red")
    Console(width=120).print(table)
    for engine in dict.fromkeys(row.engine for row in rows):
        own = [row for row in rows if row.engine == engine]
        seconds = sum(row.seconds for row in own)
        print(f"{engine}: {sum(row.fine for row in own)} of {len(own)} cases as they must, {seconds:.0f} s")


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest, root: Path) -> Iterator[Place]:
    """Give the engine, or skip where it does not answer."""
    with place_of(request.param, root / "image.lock") as found:
        if found is None:
            if os.environ.get("HARNESS_REQUIRE_ENGINE"):
                pytest.fail(f"{request.param} is required, and does not answer")
            pytest.skip(f"{request.param} does not answer")
        yield found


@pytest.fixture(scope="session")
def made(root: Path) -> tuple[Path, Path]:
    """The tiny base and the archive of the reference adapter, as `make demo` makes them."""
    spec = spec_from_file_location("demo", root / "assignments" / "classical-chinese" / "demo.py")
    assert spec is not None and spec.loader is not None
    demo = module_from_spec(spec)
    spec.loader.exec_module(demo)
    sandbox = choose_sandbox("auto", image_lock=root / "image.lock", allow_process=True)
    base, adapter = demo.prepare(root / "build" / "demo", sandbox=sandbox, console=Console(stderr=True))
    return base, adapter


@pytest.fixture(scope="session")
def suite(
    place: Place, made: tuple[Path, Path], root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Suite]:
    """One batch for all cases of an engine, with neighbours that none may touch."""
    folder = tmp_path_factory.mktemp(place.name)
    base = folder / "models" / made[0].name
    shutil.copytree(made[0], base)
    shutil.unpack_archive(made[1], folder / "adapter")
    adapter = next((folder / "adapter").rglob("adapter_config.json")).parent
    _write_neighbours(folder / "neighbours")
    batch = Batch(
        sandbox=place.sandbox,
        assignment=_write_assignment(folder / "assignment", root),
        base=base,
        image_lock=root / "image.lock",
        run_folder=folder / "run",
    )
    # Not below `folder`: the path of a socket has few bytes.
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="hostile-") as temporary:
        patch.setenv(SECRET, "of the grader")
        patch.setattr(tempfile, "tempdir", temporary)
        yield Suite(
            place=place,
            batch=batch,
            adapter=adapter,
            folder=folder,
            watched=_watched(folder, root),
            temporary=Path(temporary),
            began=own_use(),
        )
    shutil.rmtree(folder, ignore_errors=True)


def _write_neighbours(folder: Path) -> None:
    folder.mkdir()
    (folder / "answers.json").write_text(REFERENCE)
    (folder / "other_submission").mkdir()
    (folder / "other_submission" / "run.sh").write_text("exit 0\n")
    (folder / "other_submission" / "run.sh").chmod(0o777)  # only isolation protects it
    folder.chmod(0o777)


def _watched(folder: Path, root: Path) -> tuple[Path, ...]:
    return (folder / "neighbours", folder / "models", folder / "assignment", root / "harness" / "stages" / "inside")


def _write_assignment(folder: Path, root: Path) -> Path:
    """Write the real assignment with four examples of our own and small budgets."""
    text = (root / "assignments" / "classical-chinese" / "assignment.yaml").read_text(encoding="utf-8")
    rules = yaml.safe_load(text)
    del rules["late"]
    rules["stages"] = {name: {**stage, **LIMITS} for name, stage in rules["stages"].items()}
    rules["stages"]["score"].update(SCORING)
    rules["submission"] |= {"max_bytes": 5_000_000, "max_files": 200}
    rules["adapter"] |= {"max_bytes": 2_000_000}
    (folder / "data").mkdir(parents=True)
    rows = [
        {"id": f"h{number}", "instruction": f"instruction-of-row-{number}", "output": f"{REFERENCE} {number}"}
        for number in range(4)
    ]
    for split in ("train", "public", "private"):
        (folder / "data" / f"{split}.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "assignment.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
    return folder
