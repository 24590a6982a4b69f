"""The seam between the workflow and the world that a release changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from phasegate.authors import Facts

EFFECTS = ("publish", "install", "smoke", "land")
"""The names that a workflow can use."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Input of an effect: the run, and the approved tree."""

    facts: Facts
    commit: str
    files: Mapping[str, bytes]
    receipts: Mapping[str, Mapping[str, Any]]
    """Of the effects before it."""


class Effect(Protocol):
    """Changes the world after an approval. It may run again after a crash, and must then find what it did."""

    async def __call__(self, outcome: Outcome) -> dict[str, Any]:
        """Carry out the effect and return its receipt as JSON."""
