"""Signing in: whatever proves who somebody is stands behind one seam, so that OIDC and WebAuthn can come."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from phasegate.core import Refused
from phasegate.identity.accounts import Accounts
from phasegate.identity.throttle import Throttle
from phasegate.ledger import PrivateKey, open_pem

MAX_PASSPHRASE = 1024
"""Characters; a longer one is refused before it is hashed."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Somebody who proved who they are."""

    account: str
    key: PrivateKey
    """Theirs, unlocked."""


class SignIn(Protocol):
    """A way to prove one's identity."""

    async def prove(self, name: str, secret: str, address: str) -> Proof:
        """Return the proved identity.

        Args:
            name: who they say they are.
            secret: what proves it.
            address: where they ask from.

        Raises:
            Refused: they did not prove it, reason `wrong_passphrase`; or tried too often, reason `too_many_tries`.
        """
        ...


class Passphrases:
    """Local accounts."""

    def __init__(self, accounts: Accounts, throttle: Throttle) -> None:
        self._accounts = accounts
        self._throttle = throttle

    async def prove(self, name: str, secret: str, address: str) -> Proof:
        """Holds the passphrase against the account, and opens its key with it."""
        wait = self._throttle.wait(name, address)
        if wait:
            minutes = -(-int(wait.total_seconds()) // 60)
            raise Refused("too many tries", reason="too_many_tries", fix=f"try again in {minutes} minute(s)")
        account = await self._accounts.find(name)
        right = await self._accounts.checks(account, secret[:MAX_PASSPHRASE])
        if not (right and account):
            self._throttle.failed(name, address)
            raise Refused("name or passphrase is wrong", reason="wrong_passphrase", fix="try again")
        self._throttle.succeeded(name, address)
        key = await asyncio.to_thread(open_pem, account.key.encode(), secret, f"the key of '{name}'")
        return Proof(account=name, key=key)
