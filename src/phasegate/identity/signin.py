"""Signing in: whatever proves who somebody is stands behind one seam, so that OIDC and WebAuthn can come."""

from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from phasegate.core import Clock, Refused
from phasegate.identity.accounts import Accounts
from phasegate.keyholder import HeldKey, Mandate

WINDOW = timedelta(minutes=15)
LIMITS = {"pair": 5, "address": 20, "name": 50}
"""Failures within the window: of one name from one address, from one address, of one name."""
# Keys at most; an attacker who makes up names must not fill the memory.
_REMEMBERED = 10_000

Key = tuple[str, str, str]


class Throttle:
    """Says who has to wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[Key, deque[datetime]] = OrderedDict()

    def wait(self, name: str, address: str) -> timedelta:
        """Return the time until another attempt is allowed, or zero."""
        now = self._clock.now()
        return max((self._wait(key, now) for key in _keys(name, address)), default=timedelta())

    def failed(self, name: str, address: str) -> None:
        """Counts a failure."""
        now = self._clock.now()
        for key in _keys(name, address):
            self._recent(key, now).append(now)
            self._failures.move_to_end(key)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forgets what that name did from that address."""
        # Only the pair: an attacker with one account of their own could reset the count of their address otherwise, and
        # a name's own success that of whoever guesses it elsewhere.
        self._failures.pop(("pair", name, address), None)

    def _wait(self, key: Key, now: datetime) -> timedelta:
        if key not in self._failures:
            return timedelta()
        recent, limit = self._recent(key, now), LIMITS[key[0]]
        return recent[-limit] + WINDOW - now if len(recent) >= limit else timedelta()

    def _recent(self, key: Key, now: datetime) -> deque[datetime]:
        # The newest failures decide how long to wait, so there is no need to keep more than the limit.
        times = self._failures.setdefault(key, deque(maxlen=LIMITS[key[0]]))
        while times and times[0] + WINDOW <= now:
            times.popleft()
        return times


def _keys(name: str, address: str) -> tuple[Key, ...]:
    return ("pair", name, address), ("address", "", address), ("name", name, "")


MAX_PASSPHRASE = 1024
"""Characters; a longer one is refused before it is hashed."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Somebody who proved who they are."""

    account: str


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

    async def unlock(self, name: str, secret: str, address: str, mandate: Mandate) -> HeldKey:
        """Have somebody's key held by a process of its own, which is a proof of their identity as well.

        Args:
            name: Who is signed in.
            secret: What opens their key.
            address: Where they ask from.
            mandate: What the key may sign.

        Raises:
            Refused: It does not open the key, reason `wrong_passphrase`; or was tried too often, `too_many_tries`.
        """
        ...


class Passphrases:
    """Local accounts."""

    def __init__(self, accounts: Accounts, throttle: Throttle) -> None:
        self._accounts = accounts
        self._throttle = throttle

    async def prove(self, name: str, secret: str, address: str) -> Proof:
        """Hold the passphrase against the account, and leave the key closed."""
        self._refuse_too_many(name, address)
        account = await self._accounts.find(name)
        # Cut before it is hashed: a stranger may send any length, and what is longer is wrong anyhow.
        if not await self._accounts.checks(account, secret[:MAX_PASSPHRASE]):
            self._throttle.failed(name, address)
            raise Refused("name or passphrase is wrong", reason="wrong_passphrase", fix="try again")
        self._throttle.succeeded(name, address)
        return Proof(account=name)

    async def unlock(self, name: str, secret: str, address: str, mandate: Mandate) -> HeldKey:
        """Have the account's key held."""
        self._refuse_too_many(name, address)
        try:
            key = await self._accounts.unlock(name, secret[:MAX_PASSPHRASE], mandate)
        except Refused as refused:
            if refused.reason == "wrong_passphrase":
                self._throttle.failed(name, address)
            raise
        self._throttle.succeeded(name, address)
        return key

    def _refuse_too_many(self, name: str, address: str) -> None:
        wait = self._throttle.wait(name, address)
        if wait:
            minutes = -(-int(wait.total_seconds()) // 60)
            raise Refused("too many tries", reason="too_many_tries", fix=f"try again in {minutes} minute(s)")
