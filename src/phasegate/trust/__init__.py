"""The root of trust: who may decide, under which rules and keys, signed by those who could say so before."""

from phasegate.ledger.signing.roots import THRESHOLD, Chain, Root, SignedRoot, follow, sign_root
from phasegate.trust.changes import (
    Change,
    Proposal,
    changes,
    effective,
    next_root,
    proposed,
    proposed_settings,
    texts,
)
from phasegate.trust.known_roots import KnownRoot, KnownRoots, personal_folder
from phasegate.trust.managers import AGENTS, ManagerRow, require_distinct
from phasegate.trust.signing import establish, sign_next
from phasegate.trust.trust import ROOTS, Standing, Trust, TrustStore, list_approvers

__all__ = [
    "AGENTS",
    "ROOTS",
    "THRESHOLD",
    "Chain",
    "Change",
    "KnownRoot",
    "KnownRoots",
    "ManagerRow",
    "Proposal",
    "Root",
    "SignedRoot",
    "Standing",
    "Trust",
    "TrustStore",
    "changes",
    "effective",
    "establish",
    "follow",
    "list_approvers",
    "next_root",
    "personal_folder",
    "proposed",
    "proposed_settings",
    "require_distinct",
    "sign_next",
    "sign_root",
    "texts",
]
