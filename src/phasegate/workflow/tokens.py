"""One-time tokens: given out with what somebody looks at, and good for one decision on exactly that.

Giving one out stores nothing, so that looking changes nothing; using one is noted in the transaction of the decision.
"""

import base64
import binascii
import secrets
from datetime import UTC, datetime, timedelta

from phasegate.ledger import GateRecord, PrivateKey

LASTS = timedelta(hours=12)
"""How long one holds that is given out with a page."""


def give_token(system: PrivateKey, gate: GateRecord, by: str, until: datetime) -> str:
    """A new token, with which that person may say one thing on what the gate shows now."""
    head = f"{int(until.timestamp())}.{secrets.token_urlsafe(12)}"
    return f"{head}.{base64.urlsafe_b64encode(system.sign(_bound(head, gate, by))).decode()}"


def token_holds(token: str, system: PrivateKey, gate: GateRecord, by: str, now: datetime) -> bool:
    """Whether it was given to that person for this gate and digest, and is not too old."""
    head, _, signature = token.rpartition(".")
    ends = head.partition(".")[0]
    if not (ends.isdecimal() and len(ends) < 12):
        return False
    try:
        raw = base64.urlsafe_b64decode(signature)
    except (ValueError, binascii.Error):
        return False
    one_way = base64.urlsafe_b64encode(raw).decode() == signature  # else one token could be written in many ways
    holds = one_way and system.public.verifies(_bound(head, gate, by), raw)
    return holds and now < datetime.fromtimestamp(int(ends), UTC)


def _bound(head: str, gate: GateRecord, by: str) -> bytes:
    return "\n".join(["phasegate one-time token", head, str(gate.key), gate.digest, by]).encode()
