"""Sessions: stored so that they can be ended from anywhere, alive only in the server that began them."""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from phasegate.core import Clock
from phasegate.identity.secrets import digest_of, new_secret
from phasegate.identity.signin import Proof
from phasegate.store import Database
from phasegate.store.schema import sessions

ABSOLUTE = timedelta(hours=12)
IDLE = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class Session:
    """Somebody who is signed in."""

    id: str
    """The secret of the cookie."""
    account: str
    began_at: datetime
    seen_at: datetime
    proved_at: datetime
    """When they last gave their passphrase."""

    @property
    def form_token(self) -> str:
        """Return the token of every form of this session, which is derived from the session's id."""
        return hmac.new(self.id.encode(), b"form", "sha256").hexdigest()


class Sessions:
    """Everybody who is signed in to this server."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._alive: dict[bytes, Session] = {}

    async def begin(self, proof: Proof) -> Session:
        """Begin a session with an id of its own, in memory and in the database."""
        now = self._clock.now()
        session = Session(id=new_secret(), account=proof.account, began_at=now, seen_at=now, proved_at=now)
        self._forget(now)
        self._alive[digest_of(session.id)] = session
        await self._database.write(begin_row, digest_of(session.id), proof.account, now, now + ABSOLUTE)
        return session

    async def find(self, secret: str) -> Session | None:
        """Return the session of that id unless it has ended, and keep it from going idle."""
        mark, now = digest_of(secret), self._clock.now()
        session = self._alive.get(mark)
        if session is None:
            return None
        # Asked each time: `phasegate account sign-out` and other servers end a session by its row alone.
        if _over(session, now) or not await self._database.read(stands, mark, now):
            self._alive.pop(mark, None)
            return None
        # Ended while the database was asked: it must not come back.
        if mark not in self._alive:
            return None
        self._alive[mark] = replace(self._alive[mark], seen_at=now)
        return self._alive[mark]

    def proved(self, session: Session, proof: Proof) -> Session:
        """Notes that they gave their passphrase again."""
        if proof.account != session.account:
            raise ValueError("a session is one person's")
        again = replace(session, proved_at=self._clock.now())
        if digest_of(session.id) in self._alive:
            self._alive[digest_of(session.id)] = again
        return again

    async def end(self, session: Session) -> None:
        """Ends it at once."""
        self._alive.pop(digest_of(session.id), None)
        await self._database.write(end_rows, sessions.c.digest == digest_of(session.id))

    async def end_all(self, account: str) -> int:
        """Ends every session of that person, here and on every other server of this repository.

        Returns:
            How many.
        """
        self._alive = {mark: session for mark, session in self._alive.items() if session.account != account}
        return await self._database.write(end_rows, sessions.c.account == account)

    def _forget(self, now: datetime) -> None:
        self._alive = {mark: session for mark, session in self._alive.items() if not _over(session, now)}


def _over(session: Session, now: datetime) -> bool:
    return now - session.began_at >= ABSOLUTE or now - session.seen_at >= IDLE


def begin_row(connection: sa.Connection, mark: bytes, account: str, now: datetime, until: datetime) -> None:
    """Insert a session row and delete expired ones."""
    connection.execute(sessions.delete().where(sessions.c.ends_at <= int(now.timestamp())))
    ends = int(until.timestamp())
    row = {"digest": mark, "account": account, "began_at": int(now.timestamp()), "ends_at": ends}
    connection.execute(sessions.insert().values(**row))


def stands(connection: sa.Connection, mark: bytes, now: datetime) -> bool:
    """Return whether nobody has ended it, and its time is not over."""
    query = sa.select(sessions.c.digest).where(sessions.c.digest == mark, sessions.c.ends_at > int(now.timestamp()))
    return connection.execute(query).first() is not None


def end_rows(connection: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    """Delete sessions, and return their number."""
    return connection.execute(sessions.delete().where(which)).rowcount
