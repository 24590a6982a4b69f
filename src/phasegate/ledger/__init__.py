"""Runs, gates, decisions, findings, events and effects, as rows; and the keys that sign decisions."""

from phasegate.ledger.claims import Claim
from phasegate.ledger.descriptions import Descriptions
from phasegate.ledger.dsse import EVENT, STATEMENT, Envelope, pae, seal
from phasegate.ledger.events import first_break
from phasegate.ledger.grants import Grants, ToolGrant
from phasegate.ledger.keys import (
    MIN_PASSPHRASE,
    PrivateKey,
    PublicKey,
    Signer,
    create_key,
    open_pem,
    unlock_key,
    write_key,
)
from phasegate.ledger.ledger import Ledger, Opened, Opening, Taken
from phasegate.ledger.mirrors import Mirrored, Mirrors
from phasegate.ledger.recorder import Entry
from phasegate.ledger.records import (
    Comment,
    Decision,
    DecisionKind,
    Delegation,
    Dossier,
    Event,
    GateKey,
    GateRecord,
    GateStatus,
    Look,
    Revocation,
    Run,
    RunStatus,
    Statement,
    Waiver,
    approvals,
)
from phasegate.ledger.turns import Dispatch

__all__ = [
    "EVENT",
    "MIN_PASSPHRASE",
    "STATEMENT",
    "Claim",
    "Comment",
    "Decision",
    "DecisionKind",
    "Delegation",
    "Descriptions",
    "Dispatch",
    "Dossier",
    "Entry",
    "Envelope",
    "Event",
    "GateKey",
    "GateRecord",
    "GateStatus",
    "Grants",
    "Ledger",
    "Look",
    "Mirrored",
    "Mirrors",
    "Opened",
    "Opening",
    "PrivateKey",
    "PublicKey",
    "Revocation",
    "Run",
    "RunStatus",
    "Signer",
    "Statement",
    "Taken",
    "ToolGrant",
    "Waiver",
    "approvals",
    "create_key",
    "first_break",
    "open_pem",
    "pae",
    "seal",
    "unlock_key",
    "write_key",
]
