"""Runs, gates, decisions and effects as rows: functions over the connection of one transaction."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from phasegate.core import UsageError
from phasegate.ledger.records import (
    Comment,
    Decision,
    DecisionKind,
    GateKey,
    GateRecord,
    GateStatus,
    Run,
    RunStatus,
    Statement,
    Waiver,
)
from phasegate.store.schema import decisions, effects, gates, runs

_RUN = sa.select(runs).where(runs.c.id == sa.bindparam("of"))
_NEXT = (
    sa.update(runs)
    .where(runs.c.id == sa.bindparam("of"))
    .values(segments=runs.c.segments + 1, status=RunStatus.working, note="")
    .returning(runs.c.segments)
)
_STATUS = sa.update(runs).where(runs.c.id == sa.bindparam("of"))


def _at(table: sa.Table) -> sa.ColumnElement[bool]:
    columns = table.c.run, table.c.phase, table.c.attempt
    return sa.and_(*(column == sa.bindparam(f"of_{column.name}") for column in columns))


_GATE = sa.select(gates).where(_at(gates))
_OPEN = insert(gates).on_conflict_do_nothing()
_CLOSE = sa.update(gates).where(_at(gates), gates.c.status.in_(sa.bindparam("only", expanding=True)))
_DECISION = sa.select(decisions).where(_at(decisions))
_DECISIONS = (
    sa.select(decisions).where(decisions.c.run == sa.bindparam("of")).order_by(decisions.c.phase, decisions.c.attempt)
)
_CONSUME = sa.update(decisions).where(_at(decisions), decisions.c.consumed_at.is_(None))
_RECEIPT = sa.select(effects.c.receipt).where(effects.c.key == sa.bindparam("of"))
_BEGIN = insert(effects).on_conflict_do_nothing()
_DONE = sa.update(effects).where(effects.c.key == sa.bindparam("of"))


def add_run(connection: sa.Connection, run: Run) -> None:
    """Stores a new run, with one segment."""
    row = {**vars(run), "started_at": int(run.started_at.timestamp()), "segments": 1}
    connection.execute(runs.insert(), row)


def find_run(connection: sa.Connection, run_id: str) -> Run:
    """The run of that id, or the only one whose id begins so.

    Raises:
        UsageError: there is none, or more than one.
    """
    exact = connection.execute(_RUN, {"of": run_id}).one_or_none()
    if exact:
        return _run(exact)
    found = connection.execute(sa.select(runs).where(runs.c.id.startswith(run_id, autoescape=True)).limit(2)).all()
    if len(found) == 1:
        return _run(found[0])
    known = "more than one run" if found else "no run"
    raise UsageError(f"there is {known} '{run_id}'", fix="list them: 'phasegate status'")


def all_runs(connection: sa.Connection) -> list[Run]:
    """All runs, the newest first."""
    return [_run(row) for row in connection.execute(sa.select(runs).order_by(runs.c.started_at.desc(), runs.c.id))]


def set_status(connection: sa.Connection, run_id: str, status: RunStatus, note: str) -> None:
    """Where the run is now, and why."""
    connection.execute(_STATUS, {"of": run_id, "status": status, "note": note})


def wait(connection: sa.Connection, run_id: str) -> None:
    """Has a run that works wait, if one of its gates is open."""
    asks = sa.exists().where(gates.c.run == run_id, gates.c.status == GateStatus.open)
    waiting = runs.update().where(runs.c.id == run_id, runs.c.status == RunStatus.working, asks)
    connection.execute(waiting.values(status=RunStatus.waiting))


def next_segment(connection: sa.Connection, run_id: str) -> int:
    """Counts one more segment, and has the run work."""
    return int(connection.execute(_NEXT, {"of": run_id}).scalar_one())


def open_gate(connection: sa.Connection, gate: GateRecord) -> bool:
    """Stores a gate; False where it is there already, and stays as it is."""
    row = {name: value for name, value in vars(gate).items() if name != "key"}
    row = {**gate.key._asdict(), **row, "opened_at": int(gate.opened_at.timestamp())}
    return bool(connection.execute(_OPEN, row).rowcount)


def close_gate(
    connection: sa.Connection, key: GateKey, status: GateStatus, only: Sequence[GateStatus] = (GateStatus.open,)
) -> bool:
    """Moves a gate on from one of these; False where it is in none of them."""
    arguments = {**_key(key), "only": list(only), "status": status}
    return bool(connection.execute(_CLOSE, arguments).rowcount)


def find_gate(connection: sa.Connection, key: GateKey) -> GateRecord | None:
    """That gate, or None."""
    row = connection.execute(_GATE, _key(key)).one_or_none()
    return _gate(row) if row else None


def find_gates(connection: sa.Connection, run_id: str | None, status: GateStatus | None) -> list[GateRecord]:
    """Gates, the oldest first; of one run, or in one status, where these are given."""
    query = sa.select(gates).order_by(gates.c.opened_at, gates.c.run, gates.c.attempt)
    if run_id:
        query = query.where(gates.c.run == run_id)
    if status:
        query = query.where(gates.c.status == status)
    return [_gate(row) for row in connection.execute(query)]


def add_decision(connection: sa.Connection, decision: Decision) -> None:
    """Stores what was decided."""
    row = {
        **decision.statement.gate._asdict(),
        "statement": decision.statement.encoded().decode(),
        "key_id": decision.key_id,
        "signature": decision.signature,
    }
    connection.execute(decisions.insert(), row)


def find_decision(connection: sa.Connection, key: GateKey) -> Decision | None:
    """What was decided at that gate, or None."""
    row = connection.execute(_DECISION, _key(key)).one_or_none()
    return _decision(row) if row else None


def find_decisions(connection: sa.Connection, run_id: str) -> list[Decision]:
    """What was decided in a run, by phase and attempt."""
    return [_decision(row) for row in connection.execute(_DECISIONS, {"of": run_id})]


def consume(connection: sa.Connection, key: GateKey, at: datetime) -> None:
    """Marks the decision as used, once."""
    connection.execute(_CONSUME, {**_key(key), "consumed_at": int(at.timestamp())})


def find_receipt(connection: sa.Connection, key: str) -> dict[str, Any] | None:
    """The receipt of an effect that was done, or None."""
    receipt = connection.execute(_RECEIPT, {"of": key}).scalar_one_or_none()
    return json.loads(receipt) if receipt else None


def begin_effect(connection: sa.Connection, run_id: str, key: str) -> bool:
    """Notes that an effect is about to be tried; True where it was tried before."""
    return not connection.execute(_BEGIN, {"key": key, "run": run_id}).rowcount


def end_effect(connection: sa.Connection, key: str, receipt: Mapping[str, Any]) -> None:
    """Keeps the receipt of an effect."""
    connection.execute(_DONE, {"of": key, "receipt": json.dumps(receipt, sort_keys=True)})


def _key(key: GateKey) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in key._asdict().items()}


def _run(row: Any) -> Run:
    values = dict(row._mapping)
    started_at = datetime.fromtimestamp(values.pop("started_at"), UTC)
    return Run(**{**values, "status": RunStatus(values["status"])}, started_at=started_at)


def _gate(row: Any) -> GateRecord:
    return GateRecord(
        key=GateKey(row.run, row.phase, row.attempt),
        status=GateStatus(row.status),
        commit=row.commit,
        tree=row.tree,
        since=row.since,
        digest=row.digest,
        opened_at=datetime.fromtimestamp(row.opened_at, UTC),
    )


def _decision(row: Any) -> Decision:
    body = json.loads(row.statement)
    waiver = body.get("waiver")
    statement = Statement(
        gate=GateKey(row.run, row.phase, row.attempt),
        digest=body["digest"],
        kind=DecisionKind(body["decision"]),
        by=body["by"],
        at=datetime.fromtimestamp(body["at"], UTC),
        comments=tuple(Comment(**comment) for comment in body.get("comments", ())),
        waiver=Waiver(**{**waiver, "rules": tuple(waiver["rules"])}) if waiver else None,
    )
    return Decision(
        statement=statement, key_id=row.key_id, signature=row.signature, consumed=row.consumed_at is not None
    )
