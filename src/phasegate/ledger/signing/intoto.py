"""Statements of in-toto v1 as canonical JSON, whose predicates docs/provenance.md describes."""

from collections.abc import Mapping
from typing import Any

from phasegate.core import canonical

TYPE = "https://in-toto.io/Statement/v1"
GATE_APPROVAL = "https://phasegate.dev/gate-approval/v1"
"""A decision at a gate."""
GATE_REVOCATION = "https://phasegate.dev/gate-revocation/v1"
"""A decision taken back before it was used."""
DELEGATION = "https://phasegate.dev/delegation/v1"
"""A manager has another person decide for them, for a while."""
TOOL_GRANT = "https://phasegate.dev/tool-grant/v1"
"""A manager lets agents use a server's tools."""
ALLOWANCE = "https://phasegate.dev/model-allowance/v1"
"""A manager lets a run use more of a model."""
TRUST_ROOT = "https://phasegate.dev/trust-root/v1"
"""Who the managers are, and under which rules and keys they decide."""
RUN_START = "https://phasegate.dev/run-start/v1"
"""Whoever starts a run says so, so that nobody approves their own without being known to."""
RUN_LEDGER = "https://phasegate.dev/run-ledger/v1"
"""How many events a run has, and the digest of the last."""


def statement(kind: str, subjects: Mapping[str, Mapping[str, str]], predicate: Mapping[str, Any]) -> bytes:
    """The statement's bytes.

    Args:
        kind: the predicate's type.
        subjects: digests by the name of what they are of.
        predicate: what is said of them.
    """
    named = [{"name": name, "digest": dict(digests)} for name, digests in subjects.items()]
    return canonical({"_type": TYPE, "subject": named, "predicateType": kind, "predicate": dict(predicate)})
