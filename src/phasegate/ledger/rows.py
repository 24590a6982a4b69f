"""Runs, gates, decisions and effects as rows: functions over the connection of one transaction."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from phasegate.core import UsageError, canonical, digest
from phasegate.ledger import records
from phasegate.ledger.chain import entry_of, is_of
from phasegate.ledger.events import EffectDone, GateKey, RunEnded, WaiverExpired
from phasegate.ledger.evidence import broken_record
from phasegate.ledger.records import (
    Comment,
    Decision,
    DecisionKind,
    Delegation,
    GateRecord,
    GateStatus,
    Run,
    RunStatus,
    Waiver,
)
from phasegate.ledger.records import (
    Statement as Said,
)
from phasegate.ledger.signed_statements import end, keep, standing
from phasegate.ledger.signing.dsse import Envelope
from phasegate.store import Row, Statement, insert_new
from phasegate.store.schema import decisions, delegations, effects, events, gates, runs, turns, used_tokens, work_items


def _at(table: sa.Table) -> sa.ColumnElement[bool]:
    """The row of a gate."""
    columns = table.c.run, table.c.phase, table.c.attempt
    return sa.and_(*(column == sa.bindparam(f"of_{column.name}") for column in columns))


_OF: sa.BindParameter[str] = sa.bindparam("of")
_RUN = Statement(sa.select(runs).where(runs.c.id == _OF))
_ADD_RUN = Statement(runs.insert())
_NEXT = Statement(
    runs.update()
    .where(runs.c.id == _OF)
    .values(segments=runs.c.segments + 1, status=RunStatus.working.value, note="")
    .returning(runs.c.segments)
)
_STATUS = Statement(runs.update().where(runs.c.id == _OF).values(status=sa.bindparam("to"), note=sa.bindparam("why")))
_FIRST_TURN = sa.select(sa.func.min(turns.c.number)).scalar_subquery()
_ORDERED = sa.and_(work_items.c.run == _OF, work_items.c.closed_at.is_(None))
_WAIT = Statement(
    runs.update()
    # Parked or ended meanwhile, a run stays so; and it waits only where something is there to wait for, since a
    # decision that came as the segment ended has sent the run on already.
    .where(runs.c.id == _OF, runs.c.status == RunStatus.working.value)
    .where(
        sa.or_(
            sa.exists().where(gates.c.run == _OF, gates.c.status == GateStatus.open.value),
            sa.exists().where(turns.c.run == _OF, turns.c.number > _FIRST_TURN),
            # An answer that was handed in has a segment of its own, dispatched in the same transaction.
            sa.and_(
                sa.exists().where(_ORDERED, work_items.c.answer.is_(None)),
                ~sa.exists().where(_ORDERED, work_items.c.answer.is_not(None)),
            ),
        )
    )
    .values(status=RunStatus.waiting.value)
)
_GATE = Statement(sa.select(gates).where(_at(gates)))
_GATES_OF = Statement(sa.select(gates).where(gates.c.run == _OF).order_by(gates.c.opened_at, gates.c.attempt))
_HAS_RUN = sa.exists().where(runs.c.id == gates.c.run)
"""A gate whose run's row was taken away must not hide all others; that it is gone is told elsewhere."""
_WAITING = Statement(
    sa.select(gates)
    .where(gates.c.status == GateStatus.open.value, _HAS_RUN)
    .order_by(gates.c.opened_at, gates.c.run, gates.c.phase, gates.c.attempt)
    .limit(sa.bindparam("most"))
    .offset(sa.bindparam("first"))
)
_ORDER = (gates.c.opened_at, gates.c.run, gates.c.phase, gates.c.attempt)
_HOW_MANY = Statement(sa.select(sa.func.count().label("n")).where(gates.c.status == GateStatus.open.value, _HAS_RUN))
_OPEN = Statement(gates.insert())
_CLOSE = Statement(
    gates.update()
    .where(_at(gates), gates.c.status.in_([sa.bindparam("one"), sa.bindparam("other")]))
    .values(status=sa.bindparam("to"))
)
_OF_GATE = sa.and_(*(decisions.c[name] == gates.c[name] for name in ("run", "phase", "attempt")))
_DECISION = Statement(
    sa.select(decisions)
    .join(gates, _OF_GATE)
    .where(_at(decisions), gates.c.status == GateStatus.decided.value)
    .order_by(decisions.c.number.desc())
    .limit(1)
)
_TAKEN = Statement(sa.select(sa.func.count().label("n")).select_from(decisions).where(_at(decisions)))
_ALL = (
    sa.select(decisions)
    .join(gates, _OF_GATE)
    .where(decisions.c.run == _OF)
    .order_by(gates.c.opened_at, decisions.c.phase, decisions.c.attempt, decisions.c.number)
)
_DECISIONS = Statement(_ALL)
_STANDING = Statement(_ALL.where(gates.c.status != GateStatus.void.value, decisions.c.revoked_at.is_(None)))
_DECIDE = Statement(decisions.insert())
_REVOKE = Statement(
    decisions.update()
    .where(_at(decisions), decisions.c.by == _OF, decisions.c.consumed_at.is_(None), decisions.c.revoked_at.is_(None))
    .values(revoked_at=sa.bindparam("when"))
)
_USE = Statement(insert_new(used_tokens))
_CONSUME = Statement(
    decisions.update().where(_at(decisions), decisions.c.consumed_at.is_(None)).values(consumed_at=sa.bindparam("when"))
)
_RECEIPT = Statement(sa.select(effects.c.receipt).where(effects.c.key == _OF))
_BEGIN = Statement(insert_new(effects))
_UNDO = Statement(effects.delete().where(effects.c.key == _OF, effects.c.receipt.is_(None)))
_DONE = Statement(effects.update().where(effects.c.key == _OF).values(receipt=sa.bindparam("what")))


def add_run(connection: sa.Connection, run: Run) -> None:
    """Stores a new run, with one segment."""
    row = {**vars(run), "status": run.status.value, "started_at": int(run.started_at.timestamp()), "segments": 1}
    _ADD_RUN(connection, **row)


def find_run(connection: sa.Connection, run_id: str) -> Run:
    """The run of that id, or the only one whose id begins so.

    Raises:
        UsageError: there is none, or more than one.
    """
    # Asked first, since a whole id may be the beginning of another one.
    exact = _RUN(connection, of=run_id).fetchone()
    if exact:
        return _run(exact)
    alike = sa.select(runs).where(runs.c.id.startswith(run_id, autoescape=True)).limit(2)
    found = connection.execute(alike).mappings().all()
    if len(found) == 1:
        return _run(found[0])
    known = "more than one run" if found else "no run"
    raise UsageError(f"there is {known} '{run_id}'", fix="list them: 'phasegate status'")


def all_runs(connection: sa.Connection, *, status: RunStatus | None = None, limit: int = -1) -> list[Run]:
    """Return runs, the newest first, by status and up to a number where these are given."""
    query = sa.select(runs).order_by(runs.c.started_at.desc(), runs.c.id).limit(limit)
    if status:
        query = query.where(runs.c.status == status.value)
    return [_run(row) for row in connection.execute(query).mappings()]


def last_released(connection: sa.Connection, spec: str, before: GateRecord) -> Run | None:
    """Return the run of a spec that was released last before a gate opened, and that no policy decided.

    Args:
        connection: to read by.
        spec: the spec's folder.
        before: the gate; its own run was released after it, if it was.
    """
    query = (
        sa.select(runs)
        .join(events, sa.and_(events.c.run == runs.c.id, events.c.key == RunEnded.kind))
        .where(runs.c.spec == spec, runs.c.status == RunStatus.released.value, runs.c.policy == "")
        .where(runs.c.id != before.key.run, events.c.at <= int(before.opened_at.timestamp()))
        .order_by(events.c.at.desc(), runs.c.started_at.desc(), runs.c.id)
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return _run(row) if row else None


def count_runs(connection: sa.Connection) -> int:
    """Return how many runs there are."""
    return connection.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one()


def set_status(connection: sa.Connection, run_id: str, status: RunStatus, note: str) -> None:
    """Set a run's status and note."""
    _STATUS(connection, of=run_id, to=status.value, why=note)


def wait(connection: sa.Connection, run_id: str) -> None:
    """Have a run that works wait for its open gate, its turn to release, or an assistant."""
    _WAIT(connection, of=run_id)


def next_segment(connection: sa.Connection, run_id: str) -> int:
    """Counts one more segment, and has the run work."""
    return int(_NEXT(connection, of=run_id).fetchone()["segments"])


def open_gate(connection: sa.Connection, gate: GateRecord) -> None:
    """Stores a new gate."""
    row = {name: value for name, value in vars(gate).items() if name != "key"}
    row |= {**gate.key._asdict(), "status": gate.status.value, "opened_at": int(gate.opened_at.timestamp())}
    _OPEN(connection, **row)


def close_gate(connection: sa.Connection, key: GateKey, status: GateStatus, also: GateStatus = GateStatus.open) -> bool:
    """Set the status of an open gate, or of one in the given status, and return whether it was in it."""
    moved = _CLOSE(connection, **_key(key), one=GateStatus.open.value, other=also.value, to=status.value)
    return bool(moved.rowcount)


def find_gate(connection: sa.Connection, key: GateKey) -> GateRecord | None:
    """Return the gate, or None."""
    row = _GATE(connection, **_key(key)).fetchone()
    return _gate(row) if row else None


def find_gates(
    connection: sa.Connection, run_id: str | None = None, status: GateStatus | None = None
) -> list[GateRecord]:
    """Return gates, the oldest first, of one run or in one status where these are given."""
    if run_id:
        found = [_gate(row) for row in _GATES_OF(connection, of=run_id)]
        return [gate for gate in found if status in (None, gate.status)]
    query = sa.select(gates).order_by(gates.c.opened_at, gates.c.run, gates.c.attempt)
    if status:
        query = query.where(gates.c.status == status)
    return [_gate(row) for row in connection.execute(query).mappings()]


def open_gates(connection: sa.Connection, after: GateKey | None, limit: int) -> list[tuple[GateRecord, str]]:
    """Return open gates, the oldest first, each with its run's spec.

    Args:
        connection: of the transaction.
        after: a gate that those follow; None: from the first.
        limit: how many at most; -1: all.
    """
    query = sa.select(gates, runs.c.spec).join(runs, runs.c.id == gates.c.run)
    query = query.where(_follows(after)).order_by(*_ORDER).limit(limit)
    return [(_gate(row), str(row["spec"])) for row in connection.execute(query).mappings()]


def count_open_gates(connection: sa.Connection, after: GateKey | None = None) -> int:
    """Return how many gates wait and follow that one."""
    return connection.execute(sa.select(sa.func.count()).select_from(gates).where(_follows(after))).scalar_one()


def _follows(after: GateKey | None) -> sa.ColumnElement[bool]:
    waits = gates.c.status == GateStatus.open.value
    if after is None:
        return waits
    opened = sa.select(gates.c.opened_at).where(*(gates.c[name] == value for name, value in after._asdict().items()))
    return sa.and_(waits, sa.tuple_(*_ORDER) > sa.tuple_(opened.scalar_subquery(), *after))


def waiting(connection: sa.Connection, offset: int, limit: int) -> tuple[list[GateRecord], int]:
    """Some of the open gates, the oldest first, and how many there are."""
    found = [_gate(row) for row in _WAITING(connection, first=offset, most=limit)]
    return found, int(_HOW_MANY(connection).fetchone()["n"])


def add_decision(connection: sa.Connection, decision: Decision) -> None:
    """Stores what somebody said at a gate."""
    statement = decision.statement
    number = _TAKEN(connection, **_key(statement.gate)).fetchone()["n"]
    _DECIDE(
        connection,
        **statement.gate._asdict(),
        number=number,
        by=statement.by,
        predicate=canonical(statement.as_json()).decode(),
        key_id=decision.key_id,
        signature=decision.signature,
        consumed_at=None,
        revoked_at=None,
    )


def find_decision(connection: sa.Connection, key: GateKey) -> Decision | None:
    """Return the decision that closed the gate, or None."""
    row = _DECISION(connection, **_key(key)).fetchone()
    return _decision(row) if row else None


def find_decisions(connection: sa.Connection, run_id: str) -> list[Decision]:
    """Return all decisions at the gates of a run, in order, revoked ones included."""
    return [_decision(row) for row in _DECISIONS(connection, of=run_id)]


def waived(connection: sa.Connection, *, over: bool = False) -> list[Said]:
    """Return exceptions that released runs went on with: those that hold, or those of which an event says the end.

    What is over is left out once the same spec was begun again.
    """
    later = runs.alias()
    again = sa.exists().where(later.c.spec == runs.c.spec, later.c.started_at > runs.c.started_at)
    place = WaiverExpired.key_of() + decisions.c.phase + "/" + sa.cast(decisions.c.attempt, sa.Text)
    told = sa.exists().where(events.c.run == decisions.c.run, events.c.key == place)
    query = (
        sa.select(decisions)
        .join(runs, runs.c.id == decisions.c.run)
        .where(runs.c.status == RunStatus.released.value, decisions.c.consumed_at.is_not(None))
        # Canonical JSON has no spaces, and escapes the quotes of what people wrote: the text is there exactly in a
        # waiver.
        .where(decisions.c.predicate.contains('"decision":"waive"'), sa.and_(told, ~again) if over else ~told)
        .order_by(runs.c.started_at, runs.c.id)
    )
    return [_decision(row).statement for row in connection.execute(query).mappings()]


def standing_decisions(connection: sa.Connection, run_id: str) -> list[Decision]:
    """Return decisions at the gates of a run, without revoked ones and those at void gates."""
    return [_decision(row) for row in _STANDING(connection, of=run_id)]


def revoke(connection: sa.Connection, key: GateKey, by: str, at: datetime) -> bool:
    """Takes back what that person said at a gate, if it was not used yet."""
    return bool(_REVOKE(connection, **_key(key), of=by, when=int(at.timestamp())).rowcount)


def use_token(connection: sa.Connection, token: str, key: GateKey, at: datetime) -> bool:
    """Record the use of a one-time token, and return False where it was used before."""
    return bool(_USE(connection, digest=digest(token), gate=str(key), at=int(at.timestamp())).rowcount)


def add_delegation(connection: sa.Connection, envelope: Envelope) -> None:
    """Keeps a delegation."""
    keep(connection, delegations, envelope)


def had_delegation(connection: sa.Connection, envelope: Envelope) -> bool:
    """Return whether the delegation was kept before, ended or not."""
    same = sa.select(delegations.c.digest).where(delegations.c.digest == digest(envelope.payload))
    return connection.execute(same).first() is not None


def find_delegations(connection: sa.Connection) -> list[tuple[Delegation, Envelope]]:
    """Return the delegations that were not revoked, as signed."""
    return [(_delegation(envelope.payload), envelope) for envelope in standing(connection, delegations)]


def end_delegations(connection: sa.Connection, by: str, to: str, at: datetime) -> int:
    """End one person's delegations to another, and return their number."""
    ended = [envelope for found, envelope in find_delegations(connection) if (found.by, found.to) == (by, to)]
    for envelope in ended:
        end(connection, delegations, envelope, int(at.timestamp()))
    return len(ended)


def consume(connection: sa.Connection, key: GateKey, at: datetime) -> None:
    """Marks the decision as used, once."""
    _CONSUME(connection, **_key(key), when=int(at.timestamp()))


def find_receipt(connection: sa.Connection, key: str) -> dict[str, Any] | None:
    """The receipt of an effect that was done, or None."""
    row = _RECEIPT(connection, of=key).fetchone()
    return json.loads(row["receipt"]) if row and row["receipt"] else None


def begin_effect(connection: sa.Connection, run_id: str, key: str) -> bool:
    """Record that an effect is about to be tried, and return whether it was tried before."""
    return not _BEGIN(connection, key=key, run=run_id, receipt=None).rowcount


def releases(connection: sa.Connection) -> list[tuple[str, str, str]]:
    """Version, commit and run of what was published, the oldest first."""
    publication = EffectDone.key_of() + gates.c.phase + "/publish"
    query = (
        sa.select(events, gates.c.commit)
        .join(gates, sa.and_(gates.c.run == events.c.run, events.c.key == publication))
        .where(is_of(EffectDone), gates.c.status == GateStatus.decided.value)
        .order_by(events.c.at, events.c.run, gates.c.attempt)
    )
    found = ((entry_of(row).event, row["commit"], row["run"]) for row in connection.execute(query).mappings())
    return [
        (event.receipt["version"], commit, run)
        for event, commit, run in found
        if isinstance(event, EffectDone) and "version" in event.receipt
    ]


def passed_by(connection: sa.Connection, commit: str) -> str:
    """Return the run with a gate that was passed for exactly that commit, or an empty string."""
    passes = sa.and_(_OF_GATE, decisions.c.consumed_at.is_not(None), decisions.c.revoked_at.is_(None))
    query = (
        sa.select(gates.c.run)
        .join(decisions, passes)
        .where(gates.c.commit == commit, gates.c.status == GateStatus.decided.value)
        .limit(1)
    )
    return str(connection.execute(query).scalar() or "")


def undo_effect(connection: sa.Connection, key: str) -> None:
    """Forgets that an effect was tried, unless it was done."""
    _UNDO(connection, of=key)


def end_effect(connection: sa.Connection, key: str, receipt: Mapping[str, Any]) -> None:
    """Keeps the receipt of an effect."""
    _DONE(connection, of=key, what=json.dumps(receipt, sort_keys=True))


def _key(key: GateKey) -> dict[str, Any]:
    # SQLAlchemy keeps the names of columns for the values that an update sets.
    return {f"of_{name}": value for name, value in key._asdict().items()}


def _run(row: Row) -> Run:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a driver's row may iterate over values
    status, started_at = RunStatus(values["status"]), datetime.fromtimestamp(values["started_at"], UTC)
    return Run(**{**values, "status": status, "started_at": started_at})


def _gate(row: Row) -> GateRecord:
    return GateRecord(
        key=GateKey(row["run"], row["phase"], row["attempt"]),
        status=GateStatus(row["status"]),
        commit=row["commit"],
        tree=row["tree"],
        since=row["since"],
        digest=row["digest"],
        opened_at=datetime.fromtimestamp(row["opened_at"], UTC),
    )


def _decision(row: Row) -> Decision:
    try:
        return _stored(row)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        key = GateKey(row["run"], row["phase"], row["attempt"])
        raise broken_record(key.run, f"a decision at gate '{key}' cannot be read") from error


def _stored(row: Row) -> Decision:
    body = json.loads(row["predicate"])
    waiver = body.get("waiver")
    statement = records.Statement(
        gate=GateKey(row["run"], row["phase"], row["attempt"]),
        digest=body["digest"],
        tree=body.get("tree", ""),
        kind=DecisionKind(body["decision"]),
        by=body["by"],
        at=datetime.fromtimestamp(body["at"], UTC),
        comments=tuple(Comment(**comment) for comment in body.get("comments", ())),
        waiver=Waiver(**{**waiver, "rules": tuple(waiver["rules"])}) if waiver else None,
        token=body.get("token", ""),
        instead_of=body.get("instead_of", ""),
        head=body.get("head", ""),
    )
    return Decision(
        statement=statement,
        key_id=row["key_id"],
        signature=row["signature"],
        consumed=row["consumed_at"] is not None,
        revoked=row["revoked_at"] is not None,
    )


def _delegation(payload: bytes) -> Delegation:
    predicate = json.loads(payload)["predicate"]
    begins, ends = (datetime.fromtimestamp(moment, UTC) for moment in predicate["window"])
    return Delegation(by=predicate["by"], to=predicate["to"], begins=begins, ends=ends, gates=tuple(predicate["gates"]))
