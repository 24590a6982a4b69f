"""Runs, gates, decisions and effects, as rows."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from phasegate.core import Clock, UsageError
from phasegate.ledger import events as chain
from phasegate.ledger.records import (
    Comment,
    Decision,
    DecisionKind,
    Event,
    GateKey,
    GateRecord,
    GateStatus,
    Run,
    RunStatus,
    Statement,
    Waiver,
)
from phasegate.store import Database
from phasegate.store.schema import decisions, effects, gates, runs

Entry = tuple[str, Mapping[str, Any]]
Dispatch = Callable[[AsyncConnection, str, int], Awaitable[None]]
"""Enqueues segment n of a run inside the caller's transaction."""


class Ledger:
    """What happened and what was decided; the one place that reads and writes it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add_run(self, run: Run, dispatch: Dispatch) -> None:
        """Records a new run and dispatches its first segment, in one transaction."""
        row = {**vars(run), "started_at": int(run.started_at.timestamp()), "segments": 1}
        async with self._database.writing() as connection:
            await connection.execute(runs.insert().values(row))
            await chain.append(connection, run.id, self._clock.now(), [("run", {"spec": run.spec, "base": run.base})])
            await dispatch(connection, run.id, 1)

    async def run(self, run_id: str) -> Run:
        """The run of that id, or the only one whose id begins so.

        Raises:
            UsageError: there is none, or more than one.
        """
        begins = runs.c.id.startswith(run_id, autoescape=True)
        query = sa.select(runs).where(begins).order_by(runs.c.id != run_id).limit(2)
        async with self._database.reading() as connection:
            found = [_run(row) for row in await connection.execute(query)]
        if found and (found[0].id == run_id or len(found) == 1):
            return found[0]
        known = "more than one run" if found else "no run"
        raise UsageError(f"there is {known} '{run_id}'", fix="list them: 'phasegate status'")

    async def runs(self) -> list[Run]:
        """All runs, the newest first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(sa.select(runs).order_by(runs.c.started_at.desc(), runs.c.id))
            return [_run(row) for row in rows]

    async def set_status(self, run_id: str, status: RunStatus, note: str = "", *entries: Entry) -> None:
        """Where the run is now, why, and what happened, in one transaction."""
        async with self._database.writing() as connection:
            await connection.execute(runs.update().where(runs.c.id == run_id).values(status=status, note=note))
            await chain.append(connection, run_id, self._clock.now(), entries)

    async def redispatch(self, run_id: str, dispatch: Dispatch) -> None:
        """Dispatches one more segment of a run that stands."""
        async with self._database.writing() as connection:
            await self.next_segment(connection, run_id, dispatch)

    async def next_segment(self, connection: AsyncConnection, run_id: str, dispatch: Dispatch) -> None:
        """Counts and dispatches the run's next segment in the caller's transaction."""
        count = (
            runs.update()
            .where(runs.c.id == run_id)
            .values(segments=runs.c.segments + 1, status=RunStatus.working, note="")
        )
        number = (await connection.execute(count.returning(runs.c.segments))).scalar_one()
        await dispatch(connection, run_id, number)

    async def record(self, run_id: str, *entries: Entry) -> None:
        """Appends events; one that is there already is left out."""
        async with self._database.writing() as connection:
            await chain.append(connection, run_id, self._clock.now(), entries)

    async def events(self, run_id: str, after: int = 0, prefix: str = "") -> list[Event]:
        """The run's events in order, from the one after `after`."""
        async with self._database.reading() as connection:
            return await chain.read(connection, run_id, after, prefix)

    async def open_gate(self, gate: GateRecord, passed: Decision | None, *entries: Entry) -> bool:
        """Opens a gate once; with a decision of a policy's it is decided at once, else the run waits.

        Returns:
            Whether it is decided; a gate that was opened before stays as it is.
        """
        status = GateStatus.decided if passed else gate.status
        async with self._database.writing() as connection:
            row = {**gate.key._asdict(), **_gate_row(gate), "status": status}
            fresh = await connection.execute(gates.insert().prefix_with("OR IGNORE").values(row))
            if not fresh.rowcount:
                opened = await find_gate(connection, gate.key)
                return opened is not None and opened.status is GateStatus.decided
            if passed:
                await connection.execute(decisions.insert().values(_decision_row(passed)))
            else:
                waiting = runs.update().where(runs.c.id == gate.key.run).values(status=RunStatus.waiting)
                await connection.execute(waiting)
            await chain.append(connection, gate.key.run, self._clock.now(), entries)
        return passed is not None

    async def void(self, key: GateKey, expired: bool, *entries: Entry) -> bool:
        """Closes a gate with nothing approved; what was decided there, if anything, counts no more.

        Args:
            key: which gate.
            expired: whether only time closes it; then a decision that was faster stands.

        Returns:
            False, with nothing changed, where such a decision stands.
        """
        closing = gates.update().where(_is(gates, key)).values(status=GateStatus.void)
        if expired:
            closing = closing.where(gates.c.status == GateStatus.open)
        async with self._database.writing() as connection:
            if not (await connection.execute(closing)).rowcount:
                return False
            await chain.append(connection, key.run, self._clock.now(), entries)
        return True

    async def wait(self, run_id: str) -> None:
        """Has a run that works wait, if one of its gates is open; a decision that was faster has it work on."""
        asks = sa.exists().where(gates.c.run == run_id, gates.c.status == GateStatus.open)
        waiting = runs.update().where(runs.c.id == run_id, runs.c.status == RunStatus.working, asks)
        async with self._database.writing() as connection:
            await connection.execute(waiting.values(status=RunStatus.waiting))

    async def gate(self, key: GateKey) -> GateRecord | None:
        """That gate, or None."""
        async with self._database.reading() as connection:
            return await find_gate(connection, key)

    async def gates(self, run_id: str | None = None, status: GateStatus | None = None) -> list[GateRecord]:
        """Gates, the oldest first; of one run, or in one status, where these are given."""
        query = sa.select(gates).order_by(gates.c.opened_at, gates.c.run, gates.c.attempt)
        if run_id:
            query = query.where(gates.c.run == run_id)
        if status:
            query = query.where(gates.c.status == status)
        async with self._database.reading() as connection:
            return [_gate(row) for row in await connection.execute(query)]

    async def decide(self, decision: Decision, dispatch: Dispatch | None, *entries: Entry) -> bool:
        """Takes the decision if its gate is still open: decision, event and next segment are one transaction.

        Returns:
            False, with nothing stored, where the gate was not open any more.
        """
        key = decision.statement.gate
        async with self._database.writing() as connection:
            won = await connection.execute(
                gates.update().where(_is(gates, key), gates.c.status == GateStatus.open).values(status="decided")
            )
            if not won.rowcount:
                return False
            await connection.execute(decisions.insert().values(_decision_row(decision)))
            await chain.append(connection, key.run, self._clock.now(), entries)
            if dispatch:
                await self.next_segment(connection, key.run, dispatch)
        return True

    async def decision(self, key: GateKey) -> Decision | None:
        """What was decided at that gate, or None."""
        async with self._database.reading() as connection:
            row = (await connection.execute(sa.select(decisions).where(_is(decisions, key)))).one_or_none()
            return _decision(key, row) if row else None

    async def decisions(self, run_id: str) -> list[Decision]:
        """What was decided in a run, by phase and attempt."""
        query = sa.select(decisions).where(decisions.c.run == run_id)
        async with self._database.reading() as connection:
            rows = await connection.execute(query.order_by(decisions.c.phase, decisions.c.attempt))
            return [_decision(GateKey(row.run, row.phase, row.attempt), row) for row in rows]

    async def consume(self, key: GateKey) -> None:
        """Marks the decision as used."""
        async with self._database.writing() as connection:
            fresh = decisions.c.consumed_at.is_(None)
            now = int(self._clock.now().timestamp())
            await connection.execute(decisions.update().where(_is(decisions, key), fresh).values(consumed_at=now))

    async def effect(self, run_id: str, key: str) -> dict[str, Any] | None:
        """The receipt of an effect that was done, or None."""
        async with self._database.reading() as connection:
            query = sa.select(effects.c.receipt).where(effects.c.key == f"{run_id}/{key}")
            receipt = (await connection.execute(query)).scalar_one_or_none()
            return json.loads(receipt) if receipt else None

    async def effect_begun(self, run_id: str, key: str) -> bool:
        """Notes that an effect is about to be tried; True where it was tried before and its outcome is unknown."""
        async with self._database.writing() as connection:
            row = {"key": f"{run_id}/{key}", "run": run_id}
            fresh = await connection.execute(effects.insert().prefix_with("OR IGNORE").values(row))
            return not fresh.rowcount

    async def effect_done(self, run_id: str, key: str, receipt: Mapping[str, Any], *entries: Entry) -> None:
        """Keeps the receipt of an effect, and what happened, in one transaction."""
        async with self._database.writing() as connection:
            found = effects.update().where(effects.c.key == f"{run_id}/{key}")
            await connection.execute(found.values(receipt=json.dumps(receipt, sort_keys=True)))
            await chain.append(connection, run_id, self._clock.now(), entries)


async def find_gate(connection: AsyncConnection, key: GateKey) -> GateRecord | None:
    """That gate as the connection sees it, or None."""
    row = (await connection.execute(sa.select(gates).where(_is(gates, key)))).one_or_none()
    return _gate(row) if row else None


def _is(table: sa.Table, key: GateKey) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.run == key.run, table.c.phase == key.phase, table.c.attempt == key.attempt)


def _run(row: Any) -> Run:
    values = dict(row._mapping)
    started_at = datetime.fromtimestamp(values.pop("started_at"), UTC)
    return Run(**{**values, "status": RunStatus(values["status"])}, started_at=started_at)


def _gate_row(gate: GateRecord) -> dict[str, Any]:
    row = {name: value for name, value in vars(gate).items() if name != "key"}
    return {**row, "opened_at": int(gate.opened_at.timestamp())}


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


def _decision_row(decision: Decision) -> dict[str, Any]:
    return {
        **decision.statement.gate._asdict(),
        "statement": decision.statement.encoded().decode(),
        "key_id": decision.key_id,
        "signature": decision.signature,
    }


def _decision(key: GateKey, row: Any) -> Decision:
    body = json.loads(row.statement)
    waiver = body.get("waiver")
    statement = Statement(
        gate=key,
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
