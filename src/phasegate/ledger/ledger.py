"""What happened and what was decided: each method is one transaction."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from phasegate.core import Clock
from phasegate.ledger import events as chain
from phasegate.ledger import rows
from phasegate.ledger.recorder import Entry, Recorder
from phasegate.ledger.records import Decision, Dossier, Event, GateKey, GateRecord, GateStatus, Run, RunStatus
from phasegate.store import Database

T = TypeVar("T")


class Opening(NamedTuple):
    """A gate as it is opened."""

    gate: GateRecord
    passed: Decision | None
    """A policy's decision, where it passes the gate."""
    entries: Sequence[Entry]
    """What happened."""


class EffectStart(NamedTuple):
    """Where an effect stands when its node begins."""

    done: dict[str, Any] | None
    """Its receipt, where it was done."""
    tried: bool
    """Whether it was tried before, and nobody knows what came of it."""
    before: list[dict[str, Any] | None]
    """The receipts that were asked for."""


Dispatch = Callable[[sa.Connection, str, int], None]
"""Enqueues segment n of a run inside the caller's transaction."""


class Ledger:
    """The one place that reads and writes runs, gates, decisions, events and effects."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._recorder = Recorder(database, clock)

    async def add_run(self, run: Run, dispatch: Dispatch) -> None:
        """Records a new run and dispatches its first segment, in one transaction."""

        def add(connection: sa.Connection, now: datetime) -> None:
            rows.add_run(connection, run)
            chain.append(connection, run.id, now, [("run", {"spec": run.spec, "base": run.base})])
            dispatch(connection, run.id, 1)

        await self._database.write(add, self._clock.now())

    async def run(self, run_id: str) -> Run:
        """The run of that id, or the only one whose id begins so.

        Raises:
            UsageError: there is none, or more than one.
        """
        return await self._database.read(rows.find_run, run_id)

    async def runs(self) -> list[Run]:
        """All runs, the newest first."""
        return await self._database.read(rows.all_runs)

    async def set_status(self, run_id: str, status: RunStatus, note: str = "", *entries: Entry) -> None:
        """Where the run is now, why, and what happened, in one transaction."""

        def change(connection: sa.Connection, now: datetime) -> None:
            rows.set_status(connection, run_id, status, note)
            chain.append(connection, run_id, now, entries)

        await self._database.write(change, self._clock.now())

    async def wait(self, run_id: str) -> None:
        """Has a run that works wait, if one of its gates is open; a decision that was faster has it work on."""
        await self._database.write(rows.wait, run_id)

    async def redispatch(self, run_id: str, dispatch: Dispatch) -> None:
        """Dispatches one more segment of a run that stands."""

        def send(connection: sa.Connection) -> None:
            dispatch(connection, run_id, rows.next_segment(connection, run_id))

        await self._database.write(send)

    async def record(self, run_id: str, *entries: Entry) -> None:
        """Appends events; one that is there already is left out."""
        await self._recorder.record(run_id, entries)

    async def events(self, run_id: str, after: int = 0, prefix: str = "") -> list[Event]:
        """The run's events in order, from the one after `after`; with a prefix, those whose key begins so."""
        return await self._database.read(chain.read, run_id, after, prefix)

    async def open_gate(self, key: GateKey, opening: Callable[[Dossier], Opening]) -> bool:
        """Opens a gate once, in one transaction; a gate that was opened before stays as it is.

        Args:
            key: which gate.
            opening: makes it from what bears on it; with a policy's decision it is decided at once, else the run waits.

        Returns:
            Whether it is decided.
        """

        def opens(connection: sa.Connection, now: datetime) -> bool:
            dossier = _dossier(connection, key)
            if dossier.gate:
                return dossier.decision is not None
            gate, passed, entries = opening(dossier)
            rows.open_gate(connection, gate)
            if passed:
                rows.close_gate(connection, key, GateStatus.decided)
                rows.add_decision(connection, passed)
            else:
                rows.wait(connection, key.run)
            chain.append(connection, key.run, now, entries)
            return passed is not None

        return await self._database.write(opens, self._clock.now())

    async def gate(self, key: GateKey) -> GateRecord | None:
        """That gate, or None."""
        return await self._database.read(rows.find_gate, key)

    async def dossier(self, key: GateKey) -> Dossier:
        """All that bears on a gate, opened or not, as of one moment.

        Raises:
            UsageError: there is no such run.
        """
        return await self._database.read(_dossier, key)

    async def gates(self, run_id: str | None = None, status: GateStatus | None = None) -> list[GateRecord]:
        """Gates, the oldest first; of one run, or in one status, where these are given."""
        return await self._database.read(rows.find_gates, run_id, status)

    async def decide(self, decision: Decision, dispatch: Dispatch, *entries: Entry) -> bool:
        """Takes the decision if its gate is still open: decision, event and next segment are one transaction.

        Returns:
            False, with nothing stored, where the gate was not open any more.
        """
        key = decision.statement.gate

        def deciding(connection: sa.Connection, now: datetime) -> bool:
            won = rows.close_gate(connection, key, GateStatus.decided)
            if won:
                rows.add_decision(connection, decision)
                chain.append(connection, key.run, now, entries)
                dispatch(connection, key.run, rows.next_segment(connection, key.run))
            return won

        return await self._database.write(deciding, self._clock.now())

    async def decision(self, key: GateKey) -> Decision | None:
        """What was decided at that gate, or None."""
        return await self._database.read(rows.find_decision, key)

    async def consume(self, key: GateKey, verdict: Callable[[Dossier], tuple[T, str]]) -> T:
        """Uses what was decided at a gate, or closes the gate with nothing approved, in one transaction.

        Args:
            key: which gate.
            verdict: says what comes of the gate, and why it is void, or nothing where it is not.
        """

        def use(connection: sa.Connection, now: datetime) -> T:
            outcome, reason = verdict(_dossier(connection, key))
            if not reason:
                rows.consume(connection, key, now)
            elif rows.close_gate(connection, key, GateStatus.void, also=GateStatus.decided):
                chain.append(connection, key.run, now, [(f"void:{key.phase}/{key.attempt}", {"reason": reason})])
            return outcome

        return await self._database.write(use, self._clock.now())

    async def begin_effect(self, run_id: str, key: str, before: Sequence[str]) -> EffectStart:
        """Notes that an effect is about to be tried, unless it was done.

        Args:
            run_id: whose.
            key: what is to be done once in the run.
            before: the effects whose receipts it wants.
        """

        def begin(connection: sa.Connection) -> EffectStart:
            done, *earlier = (rows.find_receipt(connection, f"{run_id}/{name}") for name in (key, *before))
            tried = done is None and rows.begin_effect(connection, run_id, f"{run_id}/{key}")
            return EffectStart(done, tried, earlier)

        return await self._database.write(begin)

    async def effect_done(self, run_id: str, key: str, receipt: Mapping[str, Any], *entries: Entry) -> None:
        """Keeps the receipt of an effect, and what happened, in one transaction."""

        def done(connection: sa.Connection, now: datetime) -> None:
            rows.end_effect(connection, f"{run_id}/{key}", receipt)
            chain.append(connection, run_id, now, entries)

        await self._database.write(done, self._clock.now())


def _dossier(connection: sa.Connection, key: GateKey) -> Dossier:
    return Dossier(
        key=key,
        run=rows.find_run(connection, key.run),
        gate=rows.find_gate(connection, key),
        decisions=tuple(rows.find_decisions(connection, key.run)),
        reports=tuple(chain.reports(connection, key.run, key.phase)),
    )
