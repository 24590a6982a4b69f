"""Statements that a manager signed to hold for a while, such as delegations and grants."""

import sqlalchemy as sa

from phasegate.core import Refused, digest
from phasegate.ledger.signing.dsse import STATEMENT, Envelope
from phasegate.store import Statement, insert_or_update
from phasegate.store.schema import delegations, grants

_STANDING = {
    table: Statement(sa.select(table).where(table.c.revoked_at.is_(None)).order_by(table.c.digest))
    for table in (delegations, grants)
}


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
    """Return the statements that were not ended.

    Raises:
        Refused: `record_broken`, naming the first that is not what was stored.
    """
    found = list(_STANDING[table](connection))
    for row in found:
        if row["digest"] != digest(str(row["payload"]).encode()):
            raise Refused(
                f"row '{row['digest'][:16]}' of the table '{table.name}' is not the statement that was stored",
                reason="record_broken",
                fix="put a copy of the database back",
            )
    return [
        Envelope(
            kind=STATEMENT, payload=row["payload"].encode(), key_id=row["key_id"], signature=bytes(row["signature"])
        )
        for row in found
    ]


def end(connection: sa.Connection, table: sa.Table, envelope: Envelope, at: int) -> None:
    """Ends one."""
    same = table.c.digest == digest(envelope.payload)
    connection.execute(table.update().where(same).values(revoked_at=at))
