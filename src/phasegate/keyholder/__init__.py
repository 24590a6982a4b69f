"""Custody of managers' private keys: how their files are encrypted, and processes that hold them while they sign."""

from phasegate.keyholder.custody import GATE_DECISION, Custody, Mandate, NotSignedError, Shown, read_statement
from phasegate.keyholder.hardening import close_to_others
from phasegate.keyholder.holder import HeldKey, Hold, LocalKey, ProcessKey, hold_here, hold_key
from phasegate.keyholder.pkcs8 import COST, is_weak, seal_pem

__all__ = [
    "COST",
    "GATE_DECISION",
    "Custody",
    "HeldKey",
    "Hold",
    "LocalKey",
    "Mandate",
    "NotSignedError",
    "ProcessKey",
    "Shown",
    "close_to_others",
    "hold_here",
    "hold_key",
    "is_weak",
    "read_statement",
    "seal_pem",
]
