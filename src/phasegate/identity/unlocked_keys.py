"""Keys that managers left unlocked for a while, so that a channel without a session can sign with them.

A process of its own holds each key, signs decisions at gates alone, and forgets it when its time is over or when this
process ends. What is stored is a row beside those of sessions, by which it can be
ended from anywhere: signing out everywhere, a new passphrase and the end of the account take it away. The row decides
nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from phasegate.core import Clock, UsageError
from phasegate.identity.secrets import digest_of, new_secret
from phasegate.identity.sessions import begin_row, end_rows, stands
from phasegate.keyholder import HeldKey
from phasegate.store import Database
from phasegate.store.schema import sessions

LONGEST = timedelta(hours=8)


@dataclass(frozen=True, kw_only=True)
class Unlock:
    """A person's key, for one user elsewhere."""

    account: str
    user: str
    """Who may use it, as the other channel names them: a name that is mapped to the account later opens nothing."""
    key: HeldKey
    """It decides at gates alone, and forgets by itself at its end."""
    proved_at: datetime
    """When they gave their passphrase."""
    until: datetime
    mark: bytes = field(repr=False)
    """Names the stored row."""


class Unlocked:
    """Unlocked keys, at most one for each account."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._held: dict[str, Unlock] = {}

    async def begin(self, account: str, key: HeldKey, user: str, lasts: timedelta) -> Unlock:
        """Holds the key from now on, in place of what was held for the account.

        Args:
            account: whose key it is.
            key: held for decisions for that long, as its passphrase was given just now.
            user: who may use it.
            lasts: how long.

        Raises:
            UsageError: that is longer than eight hours, or no time at all.
        """
        if not timedelta() < lasts <= LONGEST:
            key.close()
            raise UsageError("a key stays unlocked for eight hours at most", fix="choose 1, 4 or 8 hours")
        now = self._clock.now()
        made = Unlock(
            account=account,
            user=user,
            key=key,
            proved_at=now,
            until=now + lasts,
            mark=digest_of(new_secret()),
        )
        await self.end(account)
        await self._database.write(begin_row, made.mark, made.account, now, made.until)
        self._held[made.account] = made
        return made

    async def find(self, account: str) -> Unlock | None:
        """Return the account's unlocked key unless it has ended."""
        held, now = self._held.get(account), self._clock.now()
        if held is None:
            return None
        # A clock that was set back lengthens nothing.
        within = held.key.is_held() and held.proved_at <= now < held.until
        # Looked at again after the database was asked: the key may have been ended or replaced meanwhile.
        if within and await self._database.read(stands, held.mark, now) and self._held.get(account) is held:
            return held
        held.key.close()
        if self._held.get(account) is held:
            del self._held[account]
        return None

    async def end(self, account: str) -> None:
        """Forgets the account's key at once."""
        held = self._held.pop(account, None)
        if held:
            held.key.close()
            await self._database.write(end_rows, sessions.c.digest == held.mark)
