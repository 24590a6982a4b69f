"""Custody of managers' private keys: how their files are encrypted, and processes that hold them while they sign."""

from phasegate.keyholder.custody import GATE_DECISION, Custody, Mandate, NotSignedError, Shown, read_statement
from phasegate.keyholder.hardening import close_to_others
from phasegate.keyholder.holder import HeldKey, Hold, LocalKey, ProcessKey, hold_here, hold_key
from phasegate.keyholder.pkcs8 import COST, is_weak, seal_pem
from phasegate.keyholder.security_keys import (
    SECURITY_KEY,
    SIGNED_BYTES,
    line_of,
    public_blob,
    put_string,
    read_line,
    signed_by_device,
    take_string,
)
from phasegate.keyholder.ssh_agent import AgentIdentity, AgentKey, find_identity, list_identities

__all__ = [
    "COST",
    "GATE_DECISION",
    "SECURITY_KEY",
    "SIGNED_BYTES",
    "AgentIdentity",
    "AgentKey",
    "Custody",
    "HeldKey",
    "Hold",
    "LocalKey",
    "Mandate",
    "NotSignedError",
    "ProcessKey",
    "Shown",
    "close_to_others",
    "find_identity",
    "hold_here",
    "hold_key",
    "is_weak",
    "line_of",
    "list_identities",
    "public_blob",
    "put_string",
    "read_line",
    "read_statement",
    "seal_pem",
    "signed_by_device",
    "take_string",
]
