"""Tokens of programs, of which only digests are kept."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

import sqlalchemy as sa

from phasegate.core import Clock, UsageError, new_id
from phasegate.identity.secrets import digest_of, new_secret
from phasegate.store import Database
from phasegate.store.schema import tokens

PREFIX = "pg_"
"""So that a scanner finds one that was left somewhere."""
LONGEST = timedelta(days=366)


class Scope(StrEnum):
    """Permission of a token."""

    read = "read"
    run = "run"
    """Starting runs."""
    decide = "decide"
    """Handing in a decision that a manager signed; a person's token alone can carry it."""
    work = "work"
    """Taking orders as an assistant; a token that carries it decides nothing."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token, without its secret."""

    id: str
    name: str
    """What it is for, in its owner's words."""
    account: str | None
    """Whose it is; None: a service's."""
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    @property
    def kind(self) -> Literal["person", "service"]:
        """Kind of the token's owner, a person or a service."""
        return "person" if self.account else "service"


class Tokens:
    """The tokens of one repository."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, name: str, scopes: Collection[Scope], lasts: timedelta, *, account: str | None = None
    ) -> tuple[Token, str]:
        """Makes a token.

        Args:
            name: what it is for.
            scopes: what it allows.
            lasts: how long.
            account: whose it is, who has proved it; None makes a service's.

        Returns:
            The token, and its secret, which cannot be had again.

        Raises:
            UsageError: a service's token or an assistant's is to decide, nothing is allowed, or it is to last longer
                than a year.
        """
        if Scope.decide in scopes and account is None:
            raise UsageError("a service's token cannot carry 'decide'", fix="a person decides: --for NAME")
        # An assistant writes what is decided on: with one token for both, it could pass its own work.
        if {Scope.decide, Scope.work} <= set(scopes):
            raise UsageError("an assistant's token cannot carry 'decide'", fix="make two tokens, one for each")
        if not scopes or not timedelta() < lasts <= LONGEST:
            raise UsageError("a token allows something, for a year at most", fix="--scope read --expires 30d")
        now = self._clock.now().replace(microsecond=0)
        token = Token(
            id=new_id(),
            name=name,
            account=account,
            scopes=frozenset(scopes),
            created_at=now,
            expires_at=now + lasts,
        )
        secret = PREFIX + new_secret()
        await self._database.write(_add, token, digest_of(secret))
        return token, secret

    async def find(self, secret: str) -> Token | None:
        """The token of that secret, unless it has expired or was revoked."""
        token = await self._database.read(_find, digest_of(secret))
        return token if token and token.revoked_at is None and self._clock.now() < token.expires_at else None

    async def all(self) -> list[Token]:
        """Every token that was made, the newest first."""
        return await self._database.read(_all)

    async def revoke(self, token_id: str) -> None:
        """Ends a token at once.

        Raises:
            UsageError: there is none, or it was revoked before.
        """
        if not await self._database.write(_revoke, token_id, int(self._clock.now().timestamp())):
            raise UsageError(f"there is no live token '{token_id}'", fix="list them: 'phasegate token list'")


def _add(connection: sa.Connection, token: Token, mark: bytes) -> None:
    connection.execute(
        tokens.insert().values(
            id=token.id,
            digest=mark,
            name=token.name,
            account=token.account,
            scopes=" ".join(sorted(token.scopes)),
            created_at=int(token.created_at.timestamp()),
            expires_at=int(token.expires_at.timestamp()),
        )
    )


def _find(connection: sa.Connection, mark: bytes) -> Token | None:
    row = connection.execute(sa.select(tokens).where(tokens.c.digest == mark)).mappings().first()
    return _token(row) if row else None


def _all(connection: sa.Connection) -> list[Token]:
    query = sa.select(tokens).order_by(tokens.c.created_at.desc(), tokens.c.id)
    return [_token(row) for row in connection.execute(query).mappings()]


def _revoke(connection: sa.Connection, token_id: str, now: int) -> bool:
    live = tokens.update().where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
    return bool(connection.execute(live.values(revoked_at=now)).rowcount)


def _token(row: sa.RowMapping) -> Token:
    revoked = row["revoked_at"]
    return Token(
        id=row["id"],
        name=row["name"],
        account=row["account"],
        scopes=frozenset(Scope(word) for word in row["scopes"].split()),
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        expires_at=datetime.fromtimestamp(row["expires_at"], UTC),
        revoked_at=None if revoked is None else datetime.fromtimestamp(revoked, UTC),
    )
