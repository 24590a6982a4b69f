"""Accounts: a person's name, what their passphrase is held against, and their key under the same passphrase."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from phasegate.core import Clock, Refused, UsageError
from phasegate.keyholder import HeldKey, Hold, Mandate, hold_key, is_weak
from phasegate.ledger import PublicKey, open_pem
from phasegate.store import Database, insert_or_update
from phasegate.store.schema import accounts, sessions

# Argon2id with the costs of RFC 9106's second choice: 64 MiB, three passes.
_HASHER = PasswordHasher()
# Checks at the same time: each takes 64 MiB, and whoever is outside can ask for as many as they like.
_AT_ONCE = 2


@dataclass(frozen=True, kw_only=True)
class Account:
    """A person who may sign in."""

    name: str
    """That of the manager in `phasegate.toml`."""
    hash: str
    """Argon2id of the passphrase, with its parameters."""
    key: str
    """The manager's private key as PEM, encrypted under the passphrase."""
    created_at: datetime


class Accounts:
    """The accounts of one repository."""

    def __init__(
        self, database: Database, clock: Clock, hasher: PasswordHasher = _HASHER, hold: Hold = hold_key
    ) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher
        self._hold = hold
        # A name without an account is checked against this, which takes as long as a check of one that exists: else the
        # time would tell which names there are.
        self._nobody = hasher.hash("nobody has this passphrase")
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def add(self, name: str, passphrase: str, pem: bytes, public: PublicKey) -> None:
        """Make an account or replace its passphrase, and end its sessions.

        Args:
            name: the manager's.
            passphrase: opens the key, and signs in.
            pem: the private key, encrypted.
            public: the key that the repository lists for this manager.

        Raises:
            Refused: the passphrase does not open the key; reason `wrong_passphrase`.
            UsageError: the key is another one than the repository lists.
        """
        key = await asyncio.to_thread(open_pem, pem, passphrase, f"the key of '{name}'")
        if key.public != public:
            raise UsageError(f"this is not the key that phasegate.toml lists for '{name}'", fix="--key FILE")
        if is_weak(pem):
            pem = await asyncio.to_thread(key.sealed, passphrase)
        hashed = await asyncio.to_thread(self._hasher.hash, passphrase)
        await self._database.write(_add, name, hashed, pem.decode(), int(self._clock.now().timestamp()))

    async def find(self, name: str) -> Account | None:
        """The account of that name."""
        return await self._database.read(_find, name)

    async def all(self) -> list[Account]:
        """Every account, by name."""
        return await self._database.read(_all)

    async def remove(self, name: str) -> None:
        """Takes the account away, with its sessions and tokens.

        Raises:
            UsageError: there is none.
        """
        gone = await self._database.write(lambda c: c.execute(accounts.delete().where(accounts.c.name == name)))
        if not gone.rowcount:
            raise UsageError(f"there is no account '{name}'", fix="list them: 'phasegate account list'")

    async def checks(self, account: Account | None, passphrase: str) -> bool:
        """Return whether the passphrase is the account's, in the same time where there is no such account."""
        async with self._turn:
            known = account.hash if account else self._nobody
            return await asyncio.to_thread(self._verifies, known, passphrase) and account is not None

    async def unlock(self, name: str, passphrase: str, mandate: Mandate) -> HeldKey:
        """Have an account's key held by a process of its own, and its file encrypted anew where it is quick to guess.

        Raises:
            Refused: The passphrase does not open the key, or there is no such account; reason `wrong_passphrase`.
        """
        account = await self.find(name)
        if account is None:
            raise Refused(f"'{name}' has no account", reason="wrong_passphrase", fix="sign in again")
        async with self._turn:
            key = await asyncio.to_thread(self._hold, account.key.encode(), passphrase, mandate)
        if key.renewed:
            await self._database.write(_renew, account, key.renewed.decode())
        return key

    def _verifies(self, known: str, passphrase: str) -> bool:
        try:
            return self._hasher.verify(known, passphrase)
        except (Argon2Error, InvalidHashError):
            return False


def _add(connection: sa.Connection, name: str, hashed: str, pem: str, now: int) -> None:
    values = {"hash": hashed, "key": pem, "created_at": now}
    connection.execute(insert_or_update(accounts, ["name"], list(values)).values(name=name, **values))
    # A passphrase is replaced because somebody may know the old one, and that somebody may be signed in.
    connection.execute(sessions.delete().where(sessions.c.account == name))


def _renew(connection: sa.Connection, account: Account, pem: str) -> None:
    """Store a key's new file, unless the account has got another key meanwhile."""
    same = (accounts.c.name == account.name) & (accounts.c.key == account.key)
    connection.execute(accounts.update().where(same).values(key=pem))


def _find(connection: sa.Connection, name: str) -> Account | None:
    row = connection.execute(sa.select(accounts).where(accounts.c.name == name)).mappings().first()
    return _account(row) if row else None


def _all(connection: sa.Connection) -> list[Account]:
    return [_account(row) for row in connection.execute(sa.select(accounts).order_by(accounts.c.name)).mappings()]


def _account(row: sa.RowMapping) -> Account:
    return Account(**{**row, "created_at": datetime.fromtimestamp(row["created_at"], UTC)})
