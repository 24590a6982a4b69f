"""The events of a run: append-only, signed, each with the digest of the one before, so that a gap or an edit shows."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa

from phasegate.core import Refused, visible
from phasegate.ledger.events import VERSION, AllowanceRaised, Event, RunEnded, RunStarted, ToolRequested, parse
from phasegate.ledger.records import Entry, event_payload, of_kind
from phasegate.ledger.signing.dsse import EVENT, pae
from phasegate.ledger.signing.keys import Signer
from phasegate.store import Row, Statement, insert_new
from phasegate.store.schema import events, runs


def is_of(kind: type[Event]) -> sa.ColumnElement[bool]:
    """Return the condition that a row holds an event of that kind, which the index of keys answers."""
    prefix = kind.key_of()
    return events.c.key.between(prefix, f"{prefix}\uffff")


_OF = events.c.run == sa.bindparam("run")
_LAST = Statement(sa.select(events).where(_OF).order_by(events.c.seq.desc()).limit(1))
_APPEND = Statement(insert_new(events, ["run", "key"]))
_READ = Statement(sa.select(events).where(_OF, events.c.seq > sa.bindparam("after")).order_by(events.c.seq))
_ALLOWED = Statement(sa.select(events).where(_OF, is_of(AllowanceRaised)))
_REQUESTED = Statement(
    sa.select(events)
    .select_from(runs.join(events, runs.c.id == events.c.run))
    .where(runs.c.status != "released", runs.c.status != "rejected")
    .where(sa.or_(sa.func.length(sa.bindparam("run")) == 0, runs.c.id == sa.bindparam("run")))
    .where(is_of(ToolRequested))
    .order_by(events.c.run, events.c.seq)
)


def append(connection: sa.Connection, run: str, at: datetime, new: Iterable[Event], signer: Signer) -> None:
    """Append events to the run's chain, except those whose key is there already.

    Nodes run at least once, so a node names its event by what it did: the second time adds nothing. An event is never
    older than the one before it, whatever the clock says.
    """
    row = _LAST(connection, run=run).fetchone()
    seq, before = (row["seq"], _digest_of(row)) if row else (0, b"")
    moment = max(int(at.timestamp()), row["at"] if row else 0)
    for event in new:
        entry = Entry(run=run, seq=seq + 1, at=datetime.fromtimestamp(moment, UTC), event=event, before=before)
        payload = entry.payload
        row = {"run": run, "seq": seq + 1, "key": event.key, "at": moment, "body": event.body, "before": before}
        if _APPEND(connection, **row, version=VERSION, signature=signer.sign(pae(EVENT, payload))).rowcount:
            seq, before = seq + 1, hashlib.sha256(payload).digest()


def head(connection: sa.Connection, run: str) -> str:
    """Return the digest of the run's newest event as stored, or an empty string where it has none."""
    row = _LAST(connection, run=run).fetchone()
    return _digest_of(row).hex() if row else ""


def _digest_of(row: Row) -> bytes:
    return hashlib.sha256(payload_of(row)).digest()


def payload_of(row: Row) -> bytes:
    """Return the signed bytes of a stored event, whose body is canonical as stored."""
    names = ("run", "seq", "key", "at", "body", "before", "version")
    return event_payload(**{name: row[name] for name in names})


def read(connection: sa.Connection, run: str, after: int = 0) -> list[Entry]:
    """Return the run's entries in order, from the one after number `after`."""
    return [entry_of(row) for row in rows_of(connection, run, after)]


def rows_of(connection: sa.Connection, run: str, after: int = 0) -> list[Row]:
    """Return the run's entries as stored, in order, from the one after number `after`."""
    return _READ(connection, run=run, after=after).fetchall()


def requested(connection: sa.Connection, run: str = "") -> list[Entry]:
    """Return tool requests of unfinished runs, or of one run where it is named."""
    return [entry_of(row) for row in _REQUESTED(connection, run=run)]


def allowances(connection: sa.Connection, run: str) -> list[AllowanceRaised]:
    """Return what managers allowed a run in addition."""
    return of_kind([entry_of(row) for row in _ALLOWED(connection, run=run)], AllowanceRaised)


def replayed(connection: sa.Connection, run: str) -> str:
    """Return the name of the recording that a run replays, empty where it replays none."""
    begun = sa.select(events).where(events.c.run == run, events.c.key == RunStarted.kind)
    row = connection.execute(begun).mappings().fetchone()
    return of_kind([entry_of(row)], RunStarted)[0].replay if row else ""


def without_row(connection: sa.Connection) -> list[str]:
    """Return the ids of runs that have events and no row."""
    gone = sa.select(events.c.run).distinct().where(events.c.run.not_in(sa.select(runs.c.id))).order_by(events.c.run)
    return list(connection.execute(gone).scalars())


def ended(connection: sa.Connection, most: int = 500) -> list[tuple[str, str, Row | None]]:
    """Return the runs that are over by their rows, the newest first, each with its status and the event of its end."""
    over = sa.select(runs.c.id, runs.c.status).where(runs.c.status.in_(["released", "rejected"]))
    found = connection.execute(over.order_by(runs.c.started_at.desc(), runs.c.id).limit(most)).all()
    named = sa.select(events).where(events.c.key == RunEnded.kind, events.c.run.in_([run for run, _ in found]))
    ends = {row["run"]: row for row in connection.execute(named).mappings()}
    return [(run, status, ends.get(run)) for run, status in found]


def entry_of(row: Row) -> Entry:
    """Return the entry that a row holds.

    Raises:
        Refused: `record_unknown`, where another version of Phasegate wrote it.
    """
    try:
        if row["version"] != VERSION:
            raise ValueError(f"version {row['version']}, expected {VERSION}")
        event = parse(row["key"], json.loads(row["body"]))
    except ValueError as error:
        raise Refused(
            f"event {row['seq']} ({visible(str(row['key']))}) of run '{row['run']}' cannot be read: {error}",
            reason="record_unknown",
            fix="update Phasegate to the version that wrote it",
        ) from error
    return Entry(
        run=row["run"],
        seq=row["seq"],
        at=datetime.fromtimestamp(row["at"], UTC),
        event=event,
        before=row["before"],
        signature=row["signature"],
    )
