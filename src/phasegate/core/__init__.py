"""Errors, clock, digests and small types that every package shares."""

from typing import TYPE_CHECKING

from phasegate.core.canonical import canonical, digest
from phasegate.core.clock import Clock, FixedClock, SystemClock
from phasegate.core.criteria import Criterion
from phasegate.core.errors import (
    Exhausted,
    Gone,
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
from phasegate.core.faces import lazily
from phasegate.core.files import close_pipes
from phasegate.core.findings import Finding, Severity, worst_first
from phasegate.core.formatting import PAST
from phasegate.core.ids import identifier, new_id
from phasegate.core.locks import try_lock_file
from phasegate.core.processes import host, process_start
from phasegate.core.secrets import find_secrets
from phasegate.core.visible import is_visible, one_line, visible

if TYPE_CHECKING:
    from phasegate.core.report import Report as Report

__all__ = [
    "PAST",
    "Clock",
    "Criterion",
    "Exhausted",
    "Finding",
    "FixedClock",
    "Gone",
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
    "close_pipes",
    "digest",
    "find_secrets",
    "host",
    "identifier",
    "is_visible",
    "new_id",
    "one_line",
    "process_start",
    "try_lock_file",
    "visible",
    "worst_first",
]

# Lazily, as the model brings pydantic, which the terminal's help needs none of.
__getattr__ = lazily(__name__, __file__)
