"""A database with one account, quick to sign in to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from argon2 import PasswordHasher

from phasegate.core import FixedClock
from phasegate.identity import Accounts, Passphrases, Sessions, Throttle, Tokens
from phasegate.keyholder import Custody, LocalKey, Mandate, hold_here
from phasegate.ledger import PrivateKey, create_key
from phasegate.store import Database
from phasegate.store.sqlite import SqliteStore

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
PASSPHRASE = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
QUICK_TO_GUESS = 2
"""Cost of the keys, of which each test opens several."""


@dataclass(frozen=True, kw_only=True)
class People:
    database: Database
    clock: FixedClock
    accounts: Accounts
    sign_in: Passphrases
    sessions: Sessions
    tokens: Tokens
    key: PrivateKey
    """Ada's."""
    pem: bytes


def held(key: PrivateKey) -> LocalKey:
    """A key that is held for decisions of ada's."""
    return LocalKey(Custody(key._key, Mandate(by="ada", seconds=60, only_decisions=True)))


@asynccontextmanager
async def people(folder: Path) -> AsyncIterator[People]:
    clock, database = FixedClock(NOW), await SqliteStore(folder / "p.db").open()
    path = folder / "ada.key"
    key = create_key(path, PASSPHRASE, QUICK_TO_GUESS)
    accounts = Accounts(database, clock, QUICK, hold_here)
    await accounts.add("ada", PASSPHRASE, path.read_bytes(), key.public)
    yield People(
        database=database,
        clock=clock,
        accounts=accounts,
        sign_in=Passphrases(accounts, Throttle(clock)),
        sessions=Sessions(database, clock),
        tokens=Tokens(database, clock),
        key=key,
        pem=path.read_bytes(),
    )
    await database.close()
