"""How much of its budgets each stage left, in words. Pure, but for the line in a terminal; must not read a record.

A student whose run used 95% of its time on an idle machine may fail on a busy one: that is worth a mark.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text

from harness.language import Language, Message, message
from harness.model.assignment import Stages
from harness.model.result import Record, StageResult

TIGHT = 0.8
LEAST_SHOWN = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A share of a budget: `of` says which, such as "of its time"."""

    share: float
    of: Message

    @property
    def words(self) -> Message:
        """Say it, such as "62% of its time"."""
        if self.share < LEAST_SHOWN:
            return message("under 1% {of_which}", of_which=self.of)
        return message("{share:.0%} {of_which}", share=self.share, of_which=self.of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What a stage used of each of its budgets, as far as it is known."""

    stage: str
    uses: tuple[Use, ...]

    @property
    def tight(self) -> bool:
        """Whether one of them is nearly used up."""
        return any(one.share > TIGHT for one in self.uses)

    @property
    def words(self) -> Message:
        """Say it, such as "run used 62% of its time, 31% of its memory"."""
        return message("{stage} used {uses}", stage=self.stage, uses=tuple(one.words for one in self.uses))


def headroom(
    record: Record,
    limits: Stages,
    *,
    disk_bytes: Mapping[str, int] | None = None,
    vram_bytes: Mapping[str, int] | None = None,
) -> tuple[Headroom, ...]:
    """Hold what the stages used against what they may use; stages without a budget, or that did not run, are left out.

    Args:
        record: Of one submission.
        limits: The assignment's.
        disk_bytes: What stages left on the disk, by stage, where that is known.
        vram_bytes: How much memory the GPUs have, by UUID, where that is known.
    """
    found = (
        Headroom(stage=one.stage, uses=_uses(one, limits, disk_bytes or {}, vram_bytes or {})) for one in record.stages
    )
    return tuple(one for one in found if one.uses)


def _uses(
    stage: StageResult, limits: Stages, disk_bytes: Mapping[str, int], vram_bytes: Mapping[str, int]
) -> tuple[Use, ...]:
    receipt, allowed = stage.receipt, getattr(limits, stage.stage, None)
    uses = []
    if stage.budget_s:
        took_s = receipt.duration_s if receipt else stage.duration_s
        uses.append(Use(share=took_s / stage.budget_s, of=message("of its time")))
    if receipt and receipt.peak_memory_bytes is not None and allowed:
        uses.append(Use(share=receipt.peak_memory_bytes / allowed.memory_bytes, of=message("of its memory")))
    if stage.stage in disk_bytes and allowed:
        uses.append(Use(share=disk_bytes[stage.stage] / allowed.disk_bytes, of=message("of its disk")))
    if receipt and receipt.peak_vram_bytes is not None and (has := vram_bytes.get(receipt.gpu_uuid or "")):
        uses.append(Use(share=receipt.peak_vram_bytes / has, of=message("of the GPU's memory")))
    return tuple(uses)


def headroom_lines(found: tuple[Headroom, ...], t: Language) -> Text:
    """Write a line a stage; those that are tight carry a mark."""
    lines = Text()
    for one in found:
        mark, style = ("! ", "bold yellow") if one.tight else ("  ", "")
        lines.append(f"{mark}{t.of(one.words)}\n", style=style)
    lines.rstrip()
    return lines
