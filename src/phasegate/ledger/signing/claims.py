"""Claims about a run, and whether they hold."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A thing that is promised."""

    text: str
    holds: bool
    detail: str = ""
    """What was compared, or what is wrong."""
