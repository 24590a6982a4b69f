"""Counts of the items that a runbook lists, taken for its plan."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Count of one account and region."""

    account: str
    """Twelve digits; empty: the caller's own."""
    region: str
    count: int | None
    """None: it could not be counted."""
    capped: bool = False
    """There are more; counting stopped there."""
    error: str = ""
    """Reason why it could not be counted."""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Counts of a listing, or the reason why nothing was counted."""

    operation: str
    """The listing, such as `ec2.DescribeVolumes`."""
    counted: tuple[Counted, ...] = ()
    trouble: str = ""
    """Reason why nothing was counted at all."""

    def as_json(self) -> dict[str, Any]:
        """To be kept."""
        return {"operation": self.operation, "counted": [asdict(row) for row in self.counted], "trouble": self.trouble}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Restore an inventory from `as_json`."""
        rows = tuple(Counted(**row) for row in kept["counted"])
        return cls(operation=kept["operation"], counted=rows, trouble=kept["trouble"])
