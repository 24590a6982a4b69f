"""The events of a run: append-only, each digest over the one before, so that a gap or an edit shows."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from phasegate.core import canonical, digest
from phasegate.ledger.records import Event
from phasegate.store.schema import events

_LAST = (
    sa.select(events.c.seq, events.c.digest)
    .where(events.c.run == sa.bindparam("run_id"))
    .order_by(events.c.seq.desc())
    .limit(1)
)


async def append(
    connection: AsyncConnection, run: str, at: datetime, entries: Sequence[tuple[str, Mapping[str, Any]]]
) -> None:
    """Adds events at the end of the run's chain; one whose key is there already is left out.

    Nodes run at least once, so a node names its event by what it did: the second time adds nothing.
    """
    seen = await _seen(connection, run, [key for key, _ in entries])
    last = (await connection.execute(_LAST, {"run_id": run})).one_or_none()
    seq, before = (last.seq, last.digest) if last else (0, b"")
    moment, rows = int(at.timestamp()), []
    for key, body in entries:
        if key in seen:
            continue
        seq, text = seq + 1, canonical(body).decode()
        before = chain_digest(before, run=run, seq=seq, key=key, at=moment, body=text)
        rows.append({"run": run, "seq": seq, "key": key, "at": moment, "body": text, "digest": before})
    if rows:
        await connection.execute(events.insert(), rows)


async def _seen(connection: AsyncConnection, run: str, keys: Sequence[str]) -> set[str]:
    query = sa.select(events.c.key).where(events.c.run == run, events.c.key.in_(keys))
    return set((await connection.execute(query)).scalars())


async def read(connection: AsyncConnection, run: str, after: int = 0, prefix: str = "") -> list[Event]:
    """The run's events in order, from the one after `after`; with a prefix only those whose key begins so."""
    query = sa.select(events).where(events.c.run == run, events.c.seq > after).order_by(events.c.seq)
    if prefix:
        query = query.where(events.c.key.startswith(prefix, autoescape=True))
    return [
        Event(
            run=row.run,
            seq=row.seq,
            key=row.key,
            at=datetime.fromtimestamp(row.at, UTC),
            body=json.loads(row.body),
            digest=row.digest,
        )
        for row in await connection.execute(query)
    ]


def chain_digest(before: bytes, *, run: str, seq: int, key: str, at: int, body: str) -> bytes:
    """The 32 bytes that bind an event to all before it."""
    return bytes.fromhex(digest([before.hex(), run, seq, key, at, body]))


def first_break(chain: Sequence[Event]) -> int:
    """The number of the first event that does not follow from the one before; 0 where the chain holds."""
    before = b""
    for number, event in enumerate(chain, start=1):
        body = canonical(event.body).decode()
        at = int(event.at.timestamp())
        before = chain_digest(before, run=event.run, seq=number, key=event.key, at=at, body=body)
        if before != event.digest or event.seq != number:
            return number
    return 0
