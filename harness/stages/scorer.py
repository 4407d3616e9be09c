"""Our scoring worker, kept warm in a sandbox from submission to submission. No student code is in its container."""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness.model.assignment import Assignment, BaseModel
from harness.sandbox.interface import Mount, Sandbox
from harness.scoring.client import worker_command
from harness.scoring.protocol import Failure, PromptedExample, Ready, Request, Result, encode_request
from harness.scoring.resident import ResidentWorker
from harness.stages.program import limits_of, own_job

BASE, ADAPTER = "base", "adapter"
_BASES_KEPT = 16
_CACHE = "digests.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What the worker answered for the bare base model and for the adapter, and what it said when it was ready."""

    base: Result | Failure
    adapter: Result | Failure
    ready: Ready


class Scorer:
    """Scores adapters, one at a time, with a base model that stays loaded until `stop`.

    The base model's own figures depend on the prompts alone, which most students leave as they were: they are kept for
    the last few sets of prompts.

    Args:
        sandbox: Where the worker runs.
        assignment: Its rules of scoring and limits.
        base: The base model.
        base_path: Its folder on the host.
        package: Host folder of the harness's package.
        adapters: Host folder below which all adapters lie; the worker sees nothing else of the run.
        folder: Host folder for the worker's log and its cache of digests.
        name: Short word for labels and the log.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        assignment: Assignment,
        base: BaseModel,
        base_path: Path,
        package: Path,
        adapters: Path,
        folder: Path,
        name: str = "score",
    ) -> None:
        self._sandbox = sandbox
        self._adapters = Mount(source=adapters, target="/adapters")
        cache = Mount(source=folder / "cache", target="/cache", writable=True)
        model = Mount(source=base_path, target=f"/models/{base.name}")
        self._job = own_job(
            sandbox,
            package,
            name=name,
            argv=worker_command(
                "python3",
                sandbox.path(model),
                quantization=assignment.scoring.quantization,
                device="auto",
                dtype="auto",
                max_tokens=assignment.scoring.max_tokens,
                digest_cache=sandbox.path(cache, _CACHE),
            ),
            limits=limits_of(assignment.stages.score),
            log_dir=folder,
            mounts=(model, self._adapters, cache),
        )
        self._worker = ResidentWorker(lambda: sandbox.serve(self._job))
        self._bases: OrderedDict[str, Result | Failure] = OrderedDict()

    @property
    def log(self) -> Path:
        """What the worker wrote to standard error."""
        return self._job.stderr_path

    def score(self, adapter: Path, examples: tuple[PromptedExample, ...]) -> Scored:
        """Score the base model and the adapter on the same prompts.

        Args:
            adapter: Folder of the adapter, below `adapters`.
            examples: Prompts and references, in the order of the test set.

        Raises:
            Cancelled: The run was ended.
            EnvironmentFault: Base model, packages or device cannot be used; or no worker can be started.
            SandboxFault: The worker died over one request twice, or said something that is no reply.
        """
        base = self._base(examples)
        path = self._sandbox.path(self._adapters, str(adapter.relative_to(self._adapters.source)))
        scored = self._worker.score(Request(id=ADAPTER, adapter=path, examples=examples))
        assert self._worker.ready is not None
        return Scored(base=base, adapter=scored, ready=self._worker.ready)

    def stop(self) -> None:
        """End the worker; the next score starts another."""
        self._worker.stop()

    def _base(self, examples: tuple[PromptedExample, ...]) -> Result | Failure:
        request = Request(id=BASE, adapter=None, examples=examples)
        key = sha256(encode_request(request).encode()).hexdigest()
        if key not in self._bases:
            self._bases[key] = self._worker.score(request)
        self._bases.move_to_end(key)
        while len(self._bases) > _BASES_KEPT:
            self._bases.popitem(last=False)
        return self._bases[key]
