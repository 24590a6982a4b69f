"""How long authors and checks take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """Seconds of each draft and of each check."""

    draft: float = 0.0
    check: float = 0.0
