"""Statements as they are signed, and a key."""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.keyholder import GATE_DECISION, seal_pem

KEY = Ed25519PrivateKey.generate()
PASSPHRASE = "correct horse"
PEM = seal_pem(KEY, PASSPHRASE.encode(), 2)
IN_TOTO = "application/vnd.in-toto+json"


def encode(payload: bytes, kind: str = IN_TOTO) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def said(predicate_type: str = GATE_DECISION, **predicate: Any) -> bytes:
    """The bytes that a manager signs."""
    body = {"by": "ada", "gate": "r1/specify/1", "decision": "approve", "digest": "ab" * 32, **predicate}
    statement = {"_type": "https://in-toto.io/Statement/v1", "predicateType": predicate_type, "predicate": body}
    return encode(json.dumps(statement).encode())


def verifies(message: bytes, signature: bytes) -> None:
    KEY.public_key().verify(signature, message)
