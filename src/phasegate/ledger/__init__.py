"""Runs, gates, decisions, findings, events and effects as rows, and the keys that sign decisions."""

from phasegate.ledger.delivery_positions import Mirrored, Mirrors
from phasegate.ledger.events import Event, GateKey
from phasegate.ledger.grants import Grants, ToolGrant
from phasegate.ledger.ledger import DecideResult, Ledger, Opening, OpenResult
from phasegate.ledger.records import (
    Comment,
    Decision,
    DecisionKind,
    Delegation,
    Entry,
    GateHistory,
    GateRecord,
    GateRow,
    GateStatus,
    Revocation,
    Run,
    RunStatus,
    Statement,
    Waiver,
    approvals,
    of_kind,
)
from phasegate.ledger.signing.claims import Claim
from phasegate.ledger.signing.dsse import EVENT, STATEMENT, Envelope, pae, seal
from phasegate.ledger.signing.keys import (
    MIN_PASSPHRASE,
    SYSTEM_KEY,
    PrivateKey,
    PublicKey,
    Signer,
    create_key,
    open_pem,
    system_key,
    unlock_key,
    write_key,
)
from phasegate.ledger.tool_descriptions import Descriptions
from phasegate.ledger.turns import Dispatch

__all__ = [
    "EVENT",
    "MIN_PASSPHRASE",
    "STATEMENT",
    "SYSTEM_KEY",
    "Claim",
    "Comment",
    "DecideResult",
    "Decision",
    "DecisionKind",
    "Delegation",
    "Descriptions",
    "Dispatch",
    "Entry",
    "Envelope",
    "Event",
    "GateHistory",
    "GateKey",
    "GateRecord",
    "GateRow",
    "GateStatus",
    "Grants",
    "Ledger",
    "Mirrored",
    "Mirrors",
    "OpenResult",
    "Opening",
    "PrivateKey",
    "PublicKey",
    "Revocation",
    "Run",
    "RunStatus",
    "Signer",
    "Statement",
    "ToolGrant",
    "Waiver",
    "approvals",
    "create_key",
    "of_kind",
    "open_pem",
    "pae",
    "seal",
    "system_key",
    "unlock_key",
    "write_key",
]
