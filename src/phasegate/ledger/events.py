"""The events of a run: append-only, signed, each with the digest of the one before, so that a gap or an edit shows."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from phasegate.core import canonical
from phasegate.ledger.records import Event, event_payload
from phasegate.ledger.signing.dsse import EVENT, pae
from phasegate.ledger.signing.keys import PublicKey, Signer
from phasegate.store import Row, Statement, insert_new
from phasegate.store.schema import events, runs

_OF = events.c.run == sa.bindparam("run")
_LAST = Statement(sa.select(events).where(_OF).order_by(events.c.seq.desc()).limit(1))
_APPEND = Statement(insert_new(events, ["run", "key"]))
_READ = Statement(
    sa.select(events)
    .where(_OF, events.c.seq > sa.bindparam("after"))
    .where(events.c.key.like(sa.bindparam("like"), escape="/"))
    .order_by(events.c.seq)
)

_KEY, _RUN = events.c.key, events.c.run
_ALL = Statement(sa.select(events).where(_OF).order_by(events.c.seq))

_ASKED = Statement(
    sa.select(events)
    .select_from(runs.join(events, runs.c.id == _RUN))
    .where(runs.c.status != "released", runs.c.status != "rejected")
    .where(sa.or_(sa.func.length(sa.bindparam("run")) == 0, runs.c.id == sa.bindparam("run")))
    .where(_KEY.between("tools:", "tools:\uffff"))
    .order_by(_RUN, events.c.seq)
)


def append(
    connection: sa.Connection,
    run: str,
    at: datetime,
    entries: Iterable[tuple[str, Mapping[str, Any]]],
    signer: Signer,
) -> None:
    """Append events to the run's chain, except those whose key is there already.

    Nodes run at least once, so a node names its event by what it did: the second time adds nothing. An event is never
    older than the one before it, whatever the clock says.
    """
    row = _LAST(connection, run=run).fetchone()
    seq, before = (row["seq"], _digest_of(row)) if row else (0, b"")
    moment = max(int(at.timestamp()), row["at"] if row else 0)
    for key, body in entries:
        text = canonical(body).decode()
        payload = event_payload(run=run, seq=seq + 1, key=key, at=moment, body=text, before=before)
        signature = signer.sign(pae(EVENT, payload))
        fresh = _APPEND(
            connection, run=run, seq=seq + 1, key=key, at=moment, body=text, before=before, signature=signature
        )
        if fresh.rowcount:
            seq, before = seq + 1, hashlib.sha256(payload).digest()


def _digest_of(row: Row) -> bytes:
    return hashlib.sha256(payload_of(row)).digest()


def payload_of(row: Row) -> bytes:
    """Return the signed bytes of a stored event, whose body is canonical as stored."""
    names = ("run", "seq", "key", "at", "body", "before")
    return event_payload(**{name: row[name] for name in names})


def read(connection: sa.Connection, run: str, after: int = 0, prefix: str = "") -> list[Event]:
    """Return the run's events in order, after number `after` and with a key prefix where these are given."""
    like = "".join(f"/{char}" if char in "/%_" else char for char in prefix) + "%"
    return [event_of(row) for row in _READ(connection, run=run, after=after, like=like)]


def rows_of(connection: sa.Connection, run: str) -> list[Row]:
    """The run's events as they are stored, in order."""
    return _ALL(connection, run=run).fetchall()


def asked(connection: sa.Connection, run: str) -> list[Event]:
    """Return tool requests of unfinished runs, or of one run where it is named."""
    return [event_of(row) for row in _ASKED(connection, run=run)]


def priced(connection: sa.Connection, runs: Sequence[str]) -> dict[str, list[Event]]:
    """By run, the events that may say what was paid: their bodies hold the word `usd`."""
    query = sa.select(events).where(events.c.run.in_(runs), events.c.body.contains('"usd":'))
    found: dict[str, list[Event]] = {}
    for row in connection.execute(query.order_by(events.c.run, events.c.seq)).mappings():
        found.setdefault(row["run"], []).append(event_of(row))
    return found


def event_of(row: Row) -> Event:
    """The event that a row holds."""
    return Event(
        run=row["run"],
        seq=row["seq"],
        key=row["key"],
        at=datetime.fromtimestamp(row["at"], UTC),
        body=json.loads(row["body"]),
        before=row["before"],
        signature=row["signature"],
    )


def first_break(chain: Sequence[Event], key: PublicKey) -> int:
    """Return the number of the first event whose link or signature does not hold, or 0."""
    before = b""
    for number, event in enumerate(chain, start=1):
        follows = (event.seq, event.before) == (number, before)
        if not follows or not event.envelope(key.key_id).holds(key):
            return number
        before = event.digest
    return 0
