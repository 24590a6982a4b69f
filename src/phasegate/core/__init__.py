"""Errors, clock, digests and small types that every package shares."""

from phasegate.core.canonical import canonical, digest
from phasegate.core.clock import Clock, FixedClock, SystemClock
from phasegate.core.criteria import Criterion
from phasegate.core.errors import (
    Exhausted,
    Held,
    InvalidInput,
    Locked,
    Lost,
    Missing,
    Parked,
    PhasegateError,
    Refused,
    Unknown,
    UsageError,
)
from phasegate.core.findings import Finding, Severity, worst_first
from phasegate.core.ids import identifier, new_id
from phasegate.core.visible import is_visible, one_line, visible

__all__ = [
    "Clock",
    "Criterion",
    "Exhausted",
    "Finding",
    "FixedClock",
    "Held",
    "InvalidInput",
    "Locked",
    "Lost",
    "Missing",
    "Parked",
    "PhasegateError",
    "Refused",
    "Severity",
    "SystemClock",
    "Unknown",
    "UsageError",
    "canonical",
    "digest",
    "identifier",
    "is_visible",
    "new_id",
    "one_line",
    "visible",
    "worst_first",
]
