"""Tokens that are good for one decision on a gate's current digest.

Giving one out stores nothing, so that looking changes nothing; using one is noted in the transaction of the decision.
"""

import base64
import binascii
import secrets
from datetime import UTC, datetime, timedelta

from phasegate.ledger import GateRecord, PrivateKey

LASTS = timedelta(hours=12)
"""How long one holds that is given out with a page."""


def give_token(system: PrivateKey, gate: GateRecord, by: str, now: datetime, lasts: timedelta = LASTS) -> str:
    """A new token, with which that person may say one thing on what the gate shows now."""
    # The nonce tells two tokens of one second apart, so that using the one leaves the other good.
    head = f"{int(now.timestamp())}.{int((now + lasts).timestamp())}.{secrets.token_urlsafe(12)}"
    return f"{head}.{base64.urlsafe_b64encode(system.sign(_bound(head, gate, by))).decode()}"


def token_holds(token: str, system: PrivateKey, gate: GateRecord, by: str, now: datetime) -> bool:
    """Return whether the token was issued to that person for this gate and digest, and is not too old."""
    head, _, signature = token.rpartition(".")
    given, ends = _times(head)
    if given is None or ends is None:
        return False
    try:
        raw = base64.urlsafe_b64decode(signature)
    except (ValueError, binascii.Error):
        return False
    one_way = base64.urlsafe_b64encode(raw).decode() == signature  # else one token could be written in many ways
    holds = one_way and system.public.verifies(_bound(head, gate, by), raw)
    return holds and now < ends


def given_at(token: str) -> datetime | None:
    """Return the issue time of a valid token, which a signature over it is not older than."""
    return _times(token)[0]


def _times(head: str) -> tuple[datetime | None, datetime | None]:
    given, _, rest = head.partition(".")
    return _moment(given), _moment(rest.partition(".")[0])


def _moment(digits: str) -> datetime | None:
    # `isdecimal` alone takes the digits of every script, and a moment of twelve digits lies past the year 9999, which
    # `datetime` refuses.
    readable = digits.isascii() and digits.isdecimal() and len(digits) < 12
    return datetime.fromtimestamp(int(digits), UTC) if readable else None


def _bound(head: str, gate: GateRecord, by: str) -> bytes:
    return "\n".join(["phasegate one-time token", head, str(gate.key), gate.digest, by]).encode()
