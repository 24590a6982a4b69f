"""Runs, gates, decisions, findings, events and effects, as rows; and the keys that sign decisions."""

from phasegate.ledger.events import first_break
from phasegate.ledger.keys import PrivateKey, PublicKey, Signer, create_key, open_pem, unlock_key
from phasegate.ledger.ledger import Dispatch, Ledger, Opening
from phasegate.ledger.recorder import Entry
from phasegate.ledger.records import (
    Comment,
    Decision,
    DecisionKind,
    Dossier,
    Event,
    GateKey,
    GateRecord,
    GateStatus,
    Run,
    RunStatus,
    Statement,
    Waiver,
)

__all__ = [
    "Comment",
    "Decision",
    "DecisionKind",
    "Dispatch",
    "Dossier",
    "Entry",
    "Event",
    "GateKey",
    "GateRecord",
    "GateStatus",
    "Ledger",
    "Opening",
    "PrivateKey",
    "PublicKey",
    "Run",
    "RunStatus",
    "Signer",
    "Statement",
    "Waiver",
    "create_key",
    "first_break",
    "open_pem",
    "unlock_key",
]
