"""The HTML report of a large class: how long it takes to write, how large it is, how fast it is in a browser.

python -m benchmarks.report                          1,000 submissions
python -m benchmarks.report --picture docs/images/report.png   the picture in the README, of 40
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.class_of_records import Class
from harness.batch.publish import write_html
from harness.batch.reported import read_reported
from harness.language import language

ROOT = Path(__file__).resolve().parent.parent
HOMEWORK = ROOT / "assignments" / "classical-chinese"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))"
TIMES = 5


def main() -> None:
    """Measure, or take the picture."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--submissions", type=int, default=1000)
    options.add_argument("--browser", default="/usr/bin/chromium")
    options.add_argument("--picture", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.picture:
            take_picture(Path(folder), given.picture, browser=given.browser)
        else:
            measure(Path(folder), given.submissions, browser=given.browser)


def measure(folder: Path, count: int, *, browser: str) -> None:
    """Print a line for each figure."""
    Class(root=folder / "run", assignment=HOMEWORK).write(count)
    start = time.perf_counter()
    written = made(folder / "run", folder / "report")
    print(f"{count} submissions: written in {time.perf_counter() - start:.1f} s")
    pages = [path.stat().st_size for path in written.rglob("*.html")]
    index = written / "index.html"
    print(f"all pages {sum(pages) / 1e6:.1f} MB, the median {statistics.median(pages) / 1e3:.0f} kB")
    print(f"index.html {index.stat().st_size / 1e6:.2f} MB")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        took_ms = statistics.median(opened_ms(page, index) for _ in range(TIMES))
        print(f"interactive {took_ms:.0f} ms after the address is entered")
        for name, act in ACTS.items():
            print(f"{name}: {statistics.median(timed_ms(page, act) for _ in range(TIMES)):.0f} ms until it is drawn")
        chromium.close()


ACTS = {
    "sort by perplexity": "() => document.querySelector('[data-key=perplexity] button').click()",
    "filter by text": """() => { const q = document.querySelector('[name=q]'); q.value = q.value ? '' : '39215';
        q.dispatchEvent(new Event('input', {bubbles: true})); }""",
    "filter by finding": """() => { const c = document.querySelector('[name=code]');
        c.selectedIndex = c.selectedIndex ? 0 : 1; c.dispatchEvent(new Event('input', {bubbles: true})); }""",
}


def opened_ms(page: Page, index: Path) -> float:
    """Give the milliseconds from the start of the navigation until the table answers and is drawn."""
    page.goto("about:blank")
    page.goto(index.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    return float(page.evaluate(FRAME))


def timed_ms(page: Page, act: str) -> float:
    """Give the milliseconds that an act takes until the next frame is drawn."""
    return float(
        page.evaluate(
            f"async () => {{ const start = performance.now(); ({act})(); return (await ({FRAME})()) - start; }}"
        )
    )


def made(run: Path, target: Path) -> Path:
    """Write the report of a run for the staff."""
    reported = read_reported(run)
    write_html(reported, target, audience="staff", t=language("en"), on_step=lambda done, total: None)
    return target


def take_picture(folder: Path, target: Path, *, browser: str) -> None:
    """Draw the first page of a class of 40."""
    Class(root=folder / "fall-2026", assignment=HOMEWORK).write(40)
    index = made(folder / "fall-2026", folder / "report") / "index.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 1180})
        page.goto(index.as_uri())
        page.screenshot(path=str(target))
        chromium.close()
    print(f"{target}: {target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
