"""Every finding code in one place. Codes are stable; a code is never used again.

The three letters name the stage: INT intake, FET fetch, ADM admit, REN render, RUN run, VAL validate, SCO score; PAR is the
receipt of an earlier check, compared at the end.
"""

from collections.abc import Mapping
from types import MappingProxyType

from harness.model.catalogue.admit import ADMIT
from harness.model.catalogue.entry import Entry
from harness.model.catalogue.fetch import FETCH
from harness.model.catalogue.intake import INTAKE
from harness.model.catalogue.parity import PARITY
from harness.model.catalogue.programs import RENDER, RUN
from harness.model.catalogue.results import SCORE, VALIDATE
from harness.model.catalogue.scripts import SCRIPTS

__all__ = ["CATALOGUE", "STAGES", "Entry", "stage_of"]

CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {**INTAKE, **SCRIPTS, **FETCH, **ADMIT, **RENDER, **RUN, **VALIDATE, **SCORE, **PARITY}
)
STAGES: Mapping[str, str] = MappingProxyType(
    {
        "INT": "intake",
        "FET": "fetch",
        "ADM": "admit",
        "REN": "render",
        "RUN": "run",
        "VAL": "validate",
        "SCO": "score",
        "PAR": "parity",
    }
)


def stage_of(code: str) -> str:
    """Give the stage that a code's letters name."""
    return STAGES[code[:3]]
