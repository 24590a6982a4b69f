"""Cursors of listings: the service's own token, sealed to the question that it answers."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from typing import Any

from phasegate.core import InvalidInput


class Cursors:
    """Maker of cursors, which open for the same process, question and caller alone."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def seal(self, token: Any, *question: Any) -> str:
        """Return the cursor for a token of a question, or an empty string for no token."""
        if token is None or token == "":
            return ""
        written = json.dumps(token).encode()
        return base64.urlsafe_b64encode(self._mark(written, question) + written).decode()

    def open(self, cursor: str, *question: Any) -> Any:
        """Return the token, or None for the empty cursor of a first page.

        Raises:
            InvalidInput: the cursor is none that this server gave for this question.
        """
        if not cursor:
            return None
        try:
            sealed = base64.b64decode(cursor.encode("ascii", "replace"), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            sealed = b""
        mark, written = sealed[:32], sealed[32:]
        if not hmac.compare_digest(mark, self._mark(written, question)):
            raise InvalidInput(
                "the cursor does not belong to this question",
                fix="pass next_cursor with exactly the arguments that gave it, or start again without a cursor",
            )
        return json.loads(written)

    def _mark(self, written: bytes, question: tuple[Any, ...]) -> bytes:
        # Sorted, since an agent may write the same arguments in another order the next time.
        asked = json.dumps(question, sort_keys=True, default=str).encode()
        return hmac.digest(self._key, hashlib.sha256(asked).digest() + written, "sha256")
