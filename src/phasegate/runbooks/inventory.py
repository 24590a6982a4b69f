"""How much there is of what a runbook lists, as it was counted for its plan."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Counted:
    """One account and region."""

    account: str
    """Twelve digits; empty: the caller's own."""
    region: str
    count: int | None
    """None: it could not be counted."""
    capped: bool = False
    """There are more; counting stopped there."""
    error: str = ""
    """Why it could not be counted."""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What was counted, or why nothing was."""

    operation: str
    """The listing, such as `ec2.DescribeVolumes`."""
    counted: tuple[Counted, ...] = ()
    trouble: str = ""
    """Why nothing was counted at all."""

    def as_json(self) -> dict[str, Any]:
        """To be kept."""
        return {"operation": self.operation, "counted": [asdict(row) for row in self.counted], "trouble": self.trouble}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """As it was kept."""
        rows = tuple(Counted(**row) for row in kept["counted"])
        return cls(operation=kept["operation"], counted=rows, trouble=kept["trouble"])
