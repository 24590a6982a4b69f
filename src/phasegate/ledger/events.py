"""The events of a run: append-only, each digest over the one before, so that a gap or an edit shows."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from phasegate.core import canonical, digest
from phasegate.ledger.records import Event
from phasegate.store import Statement
from phasegate.store.schema import events

_OF = events.c.run == sa.bindparam("run")
_LAST = Statement(sa.select(events.c.seq, events.c.digest).where(_OF).order_by(events.c.seq.desc()).limit(1))
_APPEND = Statement(insert(events).on_conflict_do_nothing(index_elements=["run", "key"]))
_READ = Statement(
    sa.select(events)
    .where(_OF, events.c.seq > sa.bindparam("after"))
    .where(events.c.key.like(sa.bindparam("like"), escape="/"))
    .order_by(events.c.seq)
)

_KEY = events.c.key
_REPORTS = Statement(
    sa.select(events)
    .where(_OF)
    .where(
        sa.or_(*(_KEY.between(sa.bindparam(kind), sa.bindparam(kind).concat("\uffff")) for kind in ("check", "review")))
    )
    .order_by(events.c.seq)
)


def append(connection: sa.Connection, run: str, at: datetime, entries: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Adds events at the end of the run's chain; one whose key is there already is left out.

    Nodes run at least once, so a node names its event by what it did: the second time adds nothing.
    """
    last = _LAST(connection, run=run).fetchone()
    seq, before = (last["seq"], last["digest"]) if last else (0, b"")
    moment = int(at.timestamp())
    for key, body in entries:
        text = canonical(body).decode()
        after = chain_digest(before, run=run, seq=seq + 1, key=key, at=moment, body=text)
        fresh = _APPEND(connection, run=run, seq=seq + 1, key=key, at=moment, body=text, digest=after)
        if fresh.rowcount:
            seq, before = seq + 1, after


def read(connection: sa.Connection, run: str, after: int = 0, prefix: str = "") -> list[Event]:
    """The run's events in order, from the one after `after`; with a prefix only those whose key begins so."""
    like = "".join(f"/{char}" if char in "/%_" else char for char in prefix) + "%"
    return [_event(row) for row in _READ(connection, run=run, after=after, like=like)]


def reports(connection: sa.Connection, run: str, phase: str) -> list[Event]:
    """What checks and reviewers of a phase said, in order."""
    begins = {"check": f"check:{phase}/", "review": f"review:{phase}/"}
    return [_event(row) for row in _REPORTS(connection, run=run, **begins)]


def _event(row: sqlite3.Row) -> Event:
    return Event(
        run=row["run"],
        seq=row["seq"],
        key=row["key"],
        at=datetime.fromtimestamp(row["at"], UTC),
        body=json.loads(row["body"]),
        digest=row["digest"],
    )


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
