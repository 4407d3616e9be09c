"""The gate for adapters: what passes is plain LoRA in safetensors, within the limits, for this base model, and finite.

Loads nothing with torch or peft; a student's file is only ever parsed here, by code that expects the worst.
"""

import hashlib
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import EnvironmentFault
from harness.files import sha256_file
from harness.intake.adapter.base import BaseShapes
from harness.intake.adapter.config import CONFIG, MAX_CONFIG_BYTES, check_config
from harness.intake.adapter.finite import nonfinite_tensors
from harness.intake.adapter.lora_config import LoraConfig
from harness.intake.adapter.safetensors import Header, HeaderProblem, parse_header
from harness.intake.adapter.tensors import check_tensors, listed, pairs
from harness.intake.plain import NotPlainFile, open_plain, read_plain
from harness.language import clauses, message, verbatim
from harness.model.assignment import AdapterRules
from harness.model.finding import Finding, Location, finding, has_error
from harness.text import in_mb, visible

WEIGHTS = "adapter_model.safetensors"

_PICKLES = ("adapter_model.bin", "adapter_model.pt", "adapter_model.pth")
_MAX_HEADER_BYTES = 2_000_000  # 70 kB for all linear modules of a model of 4 billion parameters
# A file this many times too large is refused without a look at each value.
SCANNED_UP_TO = 4
_CONVERSION = message(
    "Convert it where it was trained: `from peft import AutoPeftModelForCausalLM as M; "
    'M.from_pretrained("adapter_checkpoint").save_pretrained("adapter_checkpoint")`.'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterVerdict:
    """What came out of the gate.

    Attributes:
        config: The sanitised config, only if the adapter is admitted.
        sha256: SHA-256 of the weights file, if it was read.
    """

    findings: tuple[Finding, ...]
    config: dict[str, object] | None
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weights:
    findings: tuple[Finding, ...] = ()
    header: Header | None = None
    sha256: str | None = None


def check_adapter(folder: Path, *, rules: AdapterRules, base: BaseShapes | None, base_name: str) -> AdapterVerdict:
    """Check the adapter in `folder`; names everything that is wrong, not only the first.

    Args:
        folder: Where `download.sh` left the adapter. Its parents must be ours.
        rules: The assignment's limits.
        base: Shapes of the base model, from `read_base_shapes`; None: names and shapes are not compared with them.
        base_name: Name of the base model.

    Raises:
        EnvironmentFault: The machine cannot read the files.
    """
    with _machine("read the adapter"):
        links = _links(folder)
        if links:
            seen = message("in `{path}`: {names}", path=visible(rules.path, 120), names=listed(links))
            return AdapterVerdict(findings=(finding("FET005", seen),), config=None, sha256=None)
        findings = [*_missing(folder, rules)]
        config_findings, config = _read_config(folder, rules, base_name)
        weights = _read_weights(folder, rules)
    findings += (*config_findings, *weights.findings)
    if weights.header is not None:
        config = config and replace(config, targets=_resolve(weights.header, config))
        if base is not None:
            findings += check_tensors(weights.header, base=base, config=config)
        findings += _unlisted(config.targets or () if config else (), rules)
    verdict = AdapterVerdict(findings=tuple(findings), config=None, sha256=weights.sha256)
    if config is None or weights.header is None or has_error(findings):
        return verdict
    ranks = {module: pair.a.shape[0] for module, pair in pairs(weights.header).items()}
    return replace(verdict, config=config.sanitised(base_name=base_name, ranks=ranks))


def admit_copy(folder: Path, target: Path, config: dict[str, object]) -> str:
    """Write the admitted adapter: a copy of the weights and the sanitised config, both read-only.

    Args:
        folder: The adapter that `check_adapter` admitted.
        target: Folder to make; it must not be there, or be empty. It is there whole or not at all.
        config: The verdict's config.

    Returns:
        The SHA-256 of the weights that were copied.

    Raises:
        EnvironmentFault: The machine cannot copy.
    """
    with _machine("copy the admitted adapter"):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        try:
            with open_plain(folder / WEIGHTS) as source, (part / WEIGHTS).open("wb") as copy:
                shutil.copyfileobj(source, copy, 1024 * 1024)
            (part / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
            for name in (WEIGHTS, CONFIG):
                (part / name).chmod(0o444)
            sha256 = sha256_file(part / WEIGHTS)
            part.chmod(0o755)
            part.replace(target)
            return sha256
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _machine(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, NotPlainFile) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise EnvironmentFault(
            f"cannot {what}: {reason}", remedy="Check the disk that holds the run folder, and grade again."
        ) from problem


def _links(folder: Path) -> list[str]:
    if folder.is_symlink():
        return [folder.name]
    paths = (Path(above, name) for above, folders, files in os.walk(folder) for name in (*folders, *files))
    return [path.relative_to(folder).as_posix() for path in paths if path.is_symlink()]


def _missing(folder: Path, rules: AdapterRules) -> Iterator[Finding]:
    pickles = [name for name in _PICKLES if (folder / name).exists()]
    absent = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if WEIGHTS in absent and pickles:
        limit = message("`{file}`: a pickle can run code when it is opened", file=WEIGHTS)
        yield finding("ADM002", message("`{name}` is there instead", name=pickles[0]), limit=limit, fix=_CONVERSION)
        absent.remove(WEIGHTS)
    nested = {name: [one.parent for one in sorted(folder.rglob(name)) if one.is_file()] for name in absent}
    places = [*nested.values()]
    if len(absent) == len((CONFIG, WEIGHTS)) and (places[0] == places[1] or set(places[0]) & set(places[1])):
        yield _absent(folder, rules, absent, [one for one in places[0] if one in places[1]])
        return
    for name in absent:
        yield _absent(folder, rules, [name], nested[name])


def _absent(folder: Path, rules: AdapterRules, names: list[str], places: list[Path]) -> Finding:
    """Say that files are missing, where from the submission's root they lie instead, and how to bring them here."""
    where = Location(path=rules.path if len(names) > 1 else f"{rules.path}/{names[0]}")
    seen = message("no `{file}` in `{folder}`", file=names[0], folder=rules.path)
    if len(names) > 1:
        first, second = names
        seen = message("no `{file}` and no `{other}` in `{folder}`", file=first, other=second, folder=rules.path)
    if not places:
        return finding("ADM001", seen, where=where)
    lie = [[f"{rules.path}/{(one / name).relative_to(folder).as_posix()}" for name in names] for one in places]
    places_words = listed([path for paths in lie for path in paths])
    there = message("it lies in {places}", places=places_words)
    if len(names) > 1:
        there = message("they lie in {places}", places=places_words)
    move = shlex.join(["mv", *(visible(path) for path in lie[0]), f"{rules.path}/"])
    return finding(
        "ADM001", clauses(seen, there), fix=message("End download.sh with: `{command}`", command=move), where=where
    )


def _read_config(folder: Path, rules: AdapterRules, base_name: str) -> tuple[tuple[Finding, ...], LoraConfig | None]:
    if not (folder / CONFIG).is_file():
        return (), None
    content = read_plain(folder / CONFIG, most_bytes=MAX_CONFIG_BYTES + 1)
    if len(content) > MAX_CONFIG_BYTES:
        limit = message("at most {size}", size=in_mb(MAX_CONFIG_BYTES))
        return (
            finding("ADM004", message("`{file}` is too large", file=CONFIG), limit=limit, where=Location(path=CONFIG)),
        ), None
    return check_config(content, rules=rules, base_name=base_name)


def _read_weights(folder: Path, rules: AdapterRules) -> _Weights:
    if not (folder / WEIGHTS).is_file():
        return _Weights()
    size_bytes = (folder / WEIGHTS).stat().st_size
    if size_bytes > SCANNED_UP_TO * rules.max_bytes:
        return _Weights(findings=(_too_large(size_bytes, None, rules),))
    with open_plain(folder / WEIGHTS) as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        try:
            header = parse_header(file, max_header_bytes=_MAX_HEADER_BYTES)
        except HeaderProblem as problem:
            return _Weights(
                findings=(finding("ADM007", message("{file}: {reason}", file=f"`{WEIGHTS}`", reason=problem.words)),),
                sha256=sha256,
            )
        nonfinite = nonfinite_tensors(file, header)
    findings = [_too_large(size_bytes, header, rules)] if size_bytes > rules.max_bytes else []
    if nonfinite:
        seen = message(
            "{values} values in {count} tensors: {names}",
            values=sum(nonfinite.values()),
            count=len(nonfinite),
            names=listed(nonfinite),
        )
        findings.append(finding("ADM009", seen))
    return _Weights(findings=tuple(findings), header=header, sha256=sha256)


def _too_large(size_bytes: int, header: Header | None, rules: AdapterRules) -> Finding:
    """Say how large it is; and where it was saved in fp32 and half would do, say exactly that."""
    limit = message("at most {size}", size=_size(rules.max_bytes))
    tensors = () if header is None else tuple(header.tensors.values())
    data_bytes = sum(tensor.end - tensor.begin for tensor in tensors)
    half_bytes = size_bytes - data_bytes // 2
    if data_bytes and half_bytes <= rules.max_bytes and all(tensor.dtype == "F32" for tensor in tensors):
        return finding(
            "ADM003",
            message("{size} in fp32; saved in bf16 it is {half}", size=_size(size_bytes), half=_size(half_bytes)),
            limit=limit,
            fix=message("Save it in bf16: `model.to(torch.bfloat16)` before `save_pretrained`."),
        )
    return finding("ADM003", verbatim(_size(size_bytes)), limit=limit)


def _size(size_bytes: int) -> str:
    scaled, unit = (size_bytes / 1e6, "MB") if size_bytes >= 1_000_000 else (size_bytes / 1e3, "kB")
    return f"{scaled:.1f}".removesuffix(".0") + f" {unit}"


def _resolve(header: Header, config: LoraConfig) -> tuple[str, ...]:
    """Give the target modules: the config's, or where it says `all-linear` those that have tensors."""
    if config.targets is not None:
        return config.targets
    return tuple(sorted({module.rpartition(".")[2] for module in pairs(header)}))


def _unlisted(targets: tuple[str, ...], rules: AdapterRules) -> Iterator[Finding]:
    bad = [target for target in targets if target.rpartition(".")[2] not in rules.target_modules]
    if bad:
        seen = message("tensors for the modules {names}", names=listed(bad))
        yield finding("ADM006", seen, limit=message("a list out of {names}", names=tuple(rules.target_modules)))
