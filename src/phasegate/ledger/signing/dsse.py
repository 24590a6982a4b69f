"""Signed envelopes (DSSE v1.0.2): the payload is signed together with its kind, so that none passes for another."""

import base64
from dataclasses import dataclass
from typing import Any

from phasegate.ledger.signing.keys import PublicKey, Signer

STATEMENT = "application/vnd.in-toto+json"
"""Payloads that are in-toto statements."""
EVENT = "application/vnd.phasegate.event+json"
"""Payloads that are events of a run."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A payload under one signature."""

    kind: str
    payload: bytes
    key_id: str
    signature: bytes

    def holds(self, key: PublicKey) -> bool:
        """Return whether that key signed the envelope."""
        # DSSE does not sign the id, and the id is what people are shown.
        return key.key_id == self.key_id and key.verifies(pae(self.kind, self.payload), self.signature)

    def as_json(self) -> dict[str, Any]:
        """Return the envelope in DSSE's JSON."""
        signature = {"keyid": self.key_id, "sig": base64.b64encode(self.signature).decode()}
        return {
            "payloadType": self.kind,
            "payload": base64.b64encode(self.payload).decode(),
            "signatures": [signature],
        }


def pae(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed.

    >>> pae("a/b", b"{}")
    b'DSSEv1 3 a/b 2 {}'
    """
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def seal(kind: str, payload: bytes, signer: Signer) -> Envelope:
    """The payload under the signer's key."""
    return Envelope(kind=kind, payload=payload, key_id=signer.key_id, signature=signer.sign(pae(kind, payload)))
