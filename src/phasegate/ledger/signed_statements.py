"""Statements that a manager signed to hold for a while, such as delegations and grants."""

from functools import cache

import sqlalchemy as sa

from phasegate.core import digest
from phasegate.ledger.signing.dsse import STATEMENT, Envelope
from phasegate.store import Statement, insert_or_update


def keep(connection: sa.Connection, table: sa.Table, envelope: Envelope) -> None:
    """Keep a statement once, and begin it again where it was ended."""
    values = {
        "digest": digest(envelope.payload),
        "payload": envelope.payload.decode(),
        "key_id": envelope.key_id,
        "signature": envelope.signature,
    }
    connection.execute(insert_or_update(table, ["digest"], ["revoked_at"]), values)


def standing(connection: sa.Connection, table: sa.Table) -> list[Envelope]:
    """Return the statements that were not ended."""
    return [
        Envelope(
            kind=STATEMENT, payload=row["payload"].encode(), key_id=row["key_id"], signature=bytes(row["signature"])
        )
        for row in _standing(table)(connection)
    ]


@cache
def _standing(table: sa.Table) -> Statement:
    return Statement(sa.select(table).where(table.c.revoked_at.is_(None)).order_by(table.c.digest))


def end(connection: sa.Connection, table: sa.Table, envelope: Envelope, at: int) -> None:
    """Ends one."""
    same = table.c.digest == digest(envelope.payload)
    connection.execute(table.update().where(same).values(revoked_at=at))
