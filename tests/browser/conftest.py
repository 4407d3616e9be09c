"""A real browser without a window, and reports to open in it. Every page is watched: it must ask for nothing."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.class_of_records import Class
from harness.batch.publish import write_html
from harness.batch.reported import read_reported
from harness.language import language
from harness.report.html.views import Audience
from tests.browser.hostile_class import hostile_class

HOMEWORK = "assignments/classical-chinese"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Made = Callable[..., Path]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give Chromium; without one, skip, or fail where HARNESS_REQUIRE_BROWSER is set."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("HARNESS_REQUIRE_BROWSER"):
            pytest.fail("a browser is required, and there is no chromium: apt-get install chromium")
        pytest.skip("no Chromium is installed")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass(slots=True)
class Watched:
    """A page, and what it did that it must not do."""

    page: Page
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def quiet(self) -> None:
        """Fail if the page said something, opened a dialog, or asked for more than itself."""
        assert self.said == []
        assert self.dialogs == []
        assert all(one.startswith(("file:", "data:image/svg+xml,")) for one in self.requests), self.requests
        files = [one for one in self.requests if one.startswith("file:")]
        assert all(one.partition("#")[0].endswith(".html") for one in files), files


Opened = Callable[..., Watched]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Give a function that opens a file in a fresh context; at the end, all pages must have been quiet."""
    contexts, pages = [], []

    def open_(path: Path, *, fragment: str = "", **options: Any) -> Watched:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(**options)
        contexts.append(context)
        watched = Watched(page=context.new_page())
        pages.append(watched)
        page = watched.page
        page.set_default_timeout(10_000)
        page.on("request", lambda request: watched.requests.append(request.url))
        page.on("console", lambda message: watched.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: watched.said.append(str(error)))
        page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("popup", lambda popup: watched.dialogs.append(popup.url))
        page.goto(path.as_uri() + fragment)
        return watched

    yield open_
    for one in pages:
        one.quiet()
    for context in contexts:
        context.close()


def written(run: Path, target: Path, *, audience: Audience = "staff", tag: str = "en") -> Path:
    """Write a report and give its folder."""
    write_html(read_reported(run), target, audience=audience, t=language(tag), on_step=lambda done, total: None)
    return target


@pytest.fixture(scope="session")
def class_run(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A run of forty."""
    folder = tmp_path_factory.mktemp("class") / "fall"
    Class(root=folder, assignment=root / HOMEWORK).write(40)
    return folder


@pytest.fixture(scope="session")
def report(class_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Give a function that makes the report of the forty for an audience in a language, once."""
    folder, made = tmp_path_factory.mktemp("report"), {}

    def make(audience: Audience = "staff", tag: str = "en") -> Path:
        if (audience, tag) not in made:
            made[audience, tag] = written(class_run, folder / f"{audience}-{tag}", audience=audience, tag=tag)
        return made[audience, tag]

    return make


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """The staff's report of a class in which everybody attacks it."""
    folder = tmp_path_factory.mktemp("hostile")
    return written(hostile_class(folder, root / HOMEWORK), folder / "report")
