"""What is promised of a run, one by one, and whether it holds."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One thing that is promised."""

    text: str
    holds: bool
    detail: str = ""
    """What was compared, or what is wrong."""
