"""Grades this repository's own reference submission from nothing: tiny base, training, hand-in, grading.

Every step is the real one: the tiny base model is trained from the shipped text, the adapter by submission/train.py,
both in the grader's own sandbox; the adapter is then served over HTTP on this machine, and `harness grade` runs the
packed submission. What was made is kept in `build/demo` and made again only when what it was made from has changed.
"""

import argparse
import fcntl
import hashlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from harness.errors import EnvironmentFault, SandboxFault
from harness.files import sha256_file
from harness.sandbox.cause import Cause
from harness.sandbox.choose import choose_sandbox
from harness.sandbox.interface import Job, Limits, Mount, Sandbox
from harness.stages.program import tail

ASSIGNMENT = Path(__file__).resolve().parent
ROOT = ASSIGNMENT.parent.parent
STUDENT = "r13921031"
BASE_NAME = "Qwen3-tiny"
LIMITS = Limits(
    timeout_s=1800, memory_bytes=8_000_000_000, disk_bytes=2_000_000_000, output_bytes=4_000_000, cpus=2.0, pids=512
)
TRAINING = {
    "num_epochs": "8",
    "examples_per_step": "32",
    "learning_rate": "3e-3",
    "lora_rank": "16",
}
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # so small a model is slower on two threads than on one


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a log line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def serve(folder: Path, host: str) -> Iterator[str]:
    """Serve `folder` over HTTP at `host` and give its URL."""
    server = ThreadingHTTPServer((host, 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def digest(paths: list[Path], *words: str) -> str:
    """Give a digest of files and words: what a product was made from."""
    text = "".join(sha256_file(path) for path in sorted(paths)) + "\0".join(words)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def following(job: Job, show: Callable[[str], None]) -> Iterator[None]:
    """Show the last line that the job printed, again and again while the block runs."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.5):
            lines = [line for path in (job.stdout_path, job.stderr_path) for line in tail(path).splitlines()[-1:]]
            if lines:
                show(escape(lines[-1]))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def make(sandbox: Sandbox, job: Job, *, product: Path, made_from: str, console: Console, label: str) -> None:
    """Run `job` unless `product` is there and was made from the same.

    Raises:
        SandboxFault: The job failed; the message holds the end of its log.
    """
    stamp = product.with_name(product.name + ".made-from")
    if product.exists() and stamp.is_file() and stamp.read_text() == made_from:
        console.print(f"{label}: up to date")
        return
    with console.status(f"{label} …") as status, following(job, lambda line: status.update(f"{label}: {line}")):
        ended = sandbox.run(job)
    if ended.cause is not Cause.EXITED or ended.exit_code != 0:
        said = f"{label} ended: {ended.cause}, exit code {ended.exit_code}.\n{tail(job.stderr_path)}"
        raise SandboxFault(said, remedy=f"Read {job.stderr_path}.")
    stamp.write_text(made_from)
    console.print(f"{label}: done in {ended.duration_s:.0f} s")


def make_base(sandbox: Sandbox, build: Path, console: Console) -> Path:
    """Make the tiny base model."""
    source = Mount(source=ASSIGNMENT, target="/assignment")
    output = Mount(source=build / "models", target="/models", writable=True)
    output.source.mkdir(parents=True, exist_ok=True)
    argv = ("python3", sandbox.path(source, "tiny/make_base.py"), "--output", sandbox.path(output, BASE_NAME))
    job = Job(name="base", argv=argv, mounts=(source, output), workdir=output, limits=LIMITS, log_dir=build / "logs")
    made_from = digest([*(ASSIGNMENT / "tiny").glob("*.py"), ASSIGNMENT / "data" / "train.json"])
    product = output.source / BASE_NAME
    make(sandbox, job, product=product, made_from=made_from, console=console, label="tiny base model")
    return product


def train(sandbox: Sandbox, build: Path, base: Path, console: Console) -> Path:
    """Train the reference adapter on it."""
    code = Mount(source=ROOT / "submission", target="/submission")
    data = Mount(source=ASSIGNMENT / "data", target="/data")
    model = Mount(source=base, target=f"/models/{BASE_NAME}")
    output = Mount(source=build / "training", target="/output", writable=True)
    output.source.mkdir(parents=True, exist_ok=True)
    argv = (
        "python3",
        sandbox.path(code, "train.py"),
        "--base_model",
        sandbox.path(model),
        "--train_file",
        sandbox.path(data, "train.json"),
        "--output_dir",
        sandbox.path(output),
        "--overwrite",
        *(word for name, value in TRAINING.items() for word in (f"--{name}", value)),
    )
    job = Job(
        name="train",
        argv=argv,
        mounts=(code, data, model, output),
        workdir=output,
        limits=LIMITS,
        log_dir=build / "logs",
        environment=ONE_THREAD,
    )
    made_from = digest([*(ROOT / "submission").rglob("*.py"), base / "model.safetensors"], str(TRAINING))
    product = output.source / "adapter_checkpoint.zip"
    make(sandbox, job, product=product, made_from=made_from, console=console, label="reference adapter")
    return product


def prepare(build: Path, *, sandbox: Sandbox, console: Console) -> tuple[Path, Path]:
    """Make base model and adapter; give the base's folder and the adapter's archive."""
    (build / "logs").mkdir(parents=True, exist_ok=True)
    with (build / "guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # tests that run at the same time make it once
        base = make_base(sandbox, build, console)
        return base, train(sandbox, build, base, console)


def pack(build: Path, adapter: Path, url: str) -> Path:
    """Pack the hand-in with submission/pack.py."""
    folder = build / STUDENT
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, str(ROOT / "submission" / "pack.py"), "--student_id", STUDENT]
    command += ["--source", f"{url}/{adapter.name}", "--adapter", str(adapter), "--output", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def allowing(assignment: Path, url: str, copy: Path) -> Path:
    """Copy an assignment's folder to `copy`, with the server at `url` among the hosts that download.sh may reach."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(assignment / "data", copy / "data")
    text = (assignment / "assignment.yaml").read_text(encoding="utf-8")
    listed = text.replace("    hosts:\n", f"    hosts:\n      - {url.removeprefix('http://')}\n", 1)
    (copy / "assignment.yaml").write_text(listed, encoding="utf-8")
    return copy


def main() -> int:
    """Make what is missing, then grade."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "demo", help="folder for what is made")
    parser.add_argument("--sandbox", choices=["auto", "docker", "process"], default="auto")
    build = parser.parse_args().build.resolve()
    kind = parser.parse_args().sandbox
    console = Console()
    try:
        sandbox = choose_sandbox(kind, image_lock=ROOT / "image.lock", allow_process=True)
        words = (
            "in containers" if sandbox.isolates else "as plain processes, NOT isolated (no container engine answers)"
        )
        console.print(f"Grading the reference submission {words}.")
        base, adapter = prepare(build, sandbox=sandbox, console=console)
    except (EnvironmentFault, SandboxFault) as error:
        console.print(f"demo: {error}\n  {error.remedy}", markup=False)
        return error.exit_code
    run_folder = build / "run"
    shutil.rmtree(run_folder, ignore_errors=True)
    with serve(adapter.parent, sandbox.host_address()) as url:
        # Processes reach any host.
        assignment = allowing(ASSIGNMENT, url, build / "assignment") if sandbox.isolates else ASSIGNMENT
        command = [sys.executable, "-m", "harness", "grade", str(pack(build, adapter, url))]
        command += ["--assignment", str(assignment), "--base-model", str(base), "--output", str(run_folder)]
        command += ["--sandbox", sandbox.name] + ([] if sandbox.isolates else ["--i-trust-this-code"])
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
    # The server is gone now: with the adapter in it, the hand-in can be checked again; download.sh has nothing to do.
    shutil.unpack_archive(adapter, build / STUDENT)
    return code


if __name__ == "__main__":
    sys.exit(main())
