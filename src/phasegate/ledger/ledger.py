"""The ledger: each method is one transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial, update_wrapper
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import sqlalchemy as sa

from phasegate.core import Clock, PhasegateError, Refused
from phasegate.core.secrets import without_secrets
from phasegate.ledger import chain, rows, turns
from phasegate.ledger.agreement import SIGNED, disagreement, unlike
from phasegate.ledger.delivery_positions import Mirrored, keep
from phasegate.ledger.events import E, Event, GateKey, GateVoided, RunEnded, RunStarted, Starter, Terms
from phasegate.ledger.evidence import Chains, broken_record
from phasegate.ledger.recorder import Recorder
from phasegate.ledger.records import (
    Decision,
    Entry,
    GateHistory,
    GateRecord,
    GateRow,
    GateStatus,
    Run,
    RunStatus,
    approvals,
    of_kind,
)
from phasegate.ledger.signing.keys import PrivateKey, RememberingSigner
from phasegate.ledger.turns import Dispatch
from phasegate.store import Database, Row

P = ParamSpec("P")
T = TypeVar("T")


class Opening(NamedTuple):
    """A gate as it is opened."""

    gate: GateRecord
    passed: Decision | None
    """A policy's decision, where it passes the gate."""
    events: Sequence[Event]
    """What happened."""


class EffectStart(NamedTuple):
    """State of an effect when its node begins."""

    done: dict[str, Any] | None
    """Its receipt, where it was done."""
    tried: bool
    """Whether it was tried before, and nobody knows what came of it."""
    before: list[dict[str, Any] | None]
    """The receipts that were asked for."""


class OpenResult(StrEnum):
    """State of a gate after it was opened."""

    asks = "asks"
    passed = "passed"
    """A policy passed it just now, and that was used."""
    decided = "decided"
    """It was opened before, and was decided or is void since."""


class DecideResult(StrEnum):
    """Result of a decision."""

    decided = "decided"
    counted = "counted"
    """It stands, and the gate waits for more approvals."""
    lost = "lost"
    """The gate was not open any more, or this person has spoken."""
    token_used = "token_used"  # noqa: S105 - not a secret


def _reads(body: Callable[Concatenate[sa.Connection, P], T]) -> Callable[Concatenate["Ledger", P], Awaitable[T]]:
    """Return the method that runs a function on one state of the database."""

    async def method(ledger: "Ledger", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await ledger._database.read(body, *args, **kwargs)

    return update_wrapper(method, body)


def _writes(body: Callable[Concatenate[sa.Connection, P], T]) -> Callable[Concatenate["Ledger", P], Awaitable[T]]:
    """Return the method that runs a function as one transaction."""

    async def method(ledger: "Ledger", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await ledger._database.write(body, *args, **kwargs)

    return update_wrapper(method, body)


class Ledger:
    """The one place that reads and writes runs, gates, decisions, events and effects."""

    def __init__(self, database: Database, clock: Clock, system: PrivateKey, dispatch: Dispatch | None = None) -> None:
        """Takes its parts.

        Args:
            database: where the rows lie.
            clock: tells when things happened.
            system: the key that signs events.
            dispatch: enqueues the run that comes next when one leaves the line of those that want to release; None
                where no run is advanced.
        """
        self._dispatch = dispatch
        self._database = database
        self._clock = clock
        signer = RememberingSigner(system)
        self._recorder = Recorder(database, clock, signer)
        self._append = partial(chain.append, signer=signer)
        self._chains = Chains(signer)
        self.key = system.public

    run = _reads(rows.find_run)
    runs = _reads(rows.all_runs)
    last_released = _reads(rows.last_released)
    count_runs = _reads(rows.count_runs)
    asked = _reads(chain.requested)
    gate = _reads(rows.find_gate)
    gates = _reads(rows.find_gates)
    open_gates = _reads(rows.open_gates)
    count_open_gates = _reads(rows.count_open_gates)
    had_delegation = _reads(rows.had_delegation)
    delegations = _reads(rows.find_delegations)
    decisions = _reads(rows.find_decisions)
    decision = _reads(rows.find_decision)
    waived = _reads(rows.waived)
    releases = _reads(rows.releases)
    approved = _reads(rows.passed_by)
    wait = _writes(rows.wait)
    delegate = _writes(rows.add_delegation)

    async def add_run(
        self,
        run: Run,
        dispatch: Dispatch,
        terms: Terms | None = None,
        replay: str = "",
        starter: Starter | None = None,
    ) -> None:
        """Records a new run and dispatches its first segment, in one transaction.

        Args:
            run: the run.
            dispatch: enqueues its first segment.
            terms: the rules that it begins under, signed with the event that tells of it.
            replay: name of the recording that answers in place of chat models, signed likewise; empty: none does.
            starter: who started it, where they proved it.
        """
        signed = {name: getattr(run, name) for name in SIGNED}
        started = RunStarted(**signed, terms=terms, starter=starter, replay=replay)

        def add(connection: sa.Connection, now: datetime) -> None:
            rows.add_run(connection, run)
            self._append(connection, run.id, now, [started])
            dispatch(connection, run.id, 1)

        await self._database.write(add, self._clock.now())

    async def set_status(self, run_id: str, status: RunStatus, note: str = "", *events: Event) -> None:
        """Set the run's status and note and record an event, in one transaction."""

        def change(connection: sa.Connection, now: datetime) -> None:
            rows.set_status(connection, run_id, status, without_secrets(note))
            self._append(connection, run_id, now, events)
            if status.ended or status is RunStatus.parked:
                # In the transaction that says so: a run that ended and kept its turn would hold up every release behind
                # it.
                turns.leave(connection, run_id, self._dispatch)

        await self._database.write(change, self._clock.now())

    async def claim_turn(self, run_id: str) -> str:
        """The run whose turn it is to release: this one, or the one that it stands in line for and is sent on after."""
        return await self._database.write(turns.claim, run_id, self._sends())

    async def redispatch(self, run_id: str, dispatch: Dispatch) -> None:
        """Dispatches one more segment of a run that stands."""

        def send(connection: sa.Connection) -> None:
            dispatch(connection, run_id, rows.next_segment(connection, run_id))

        await self._database.write(send)

    async def holding(self, work: Callable[[], T]) -> T:
        """Do short work beside the database while nobody can take this process's runs over.

        Raises:
            Lost: they were taken over already; nothing was done.
        """
        return await self._database.write(lambda _: work())

    async def confirm(self) -> None:
        """Check that this process may still write, right before something outside is changed.

        Raises:
            Lost: another process has taken its runs over.
        """
        await self.holding(lambda: None)

    def _sends(self) -> Dispatch:
        if self._dispatch is None:
            raise PhasegateError("this ledger has no queue", fix="give it one where runs are advanced")
        return self._dispatch

    async def record(self, run_id: str, *events: Event) -> None:
        """Append events with their secrets replaced, except those that are there already."""
        await self._recorder.record(run_id, [event.without_secrets() for event in events])

    async def events(self, run_id: str, after: int = 0) -> list[Entry]:
        """Return the run's events as entries of its chain, in order, from the one after number `after`.

        Raises:
            Refused: `record_broken`, where they are read from the first one and their chain does not hold;
                `record_unknown`, where another version of Phasegate wrote one.
        """
        if after:
            return await self._database.read(chain.read, run_id, after)
        return list((await self._database.read(self._chains.read, run_id)).events)

    async def head(self, run_id: str) -> str:
        """Return the digest of the run's newest event, or an empty string where it has none."""
        return await self._database.read(chain.head, run_id)

    async def events_of(self, run_id: str, *kinds: type[E]) -> list[E]:
        """Return the run's events of these kinds, in order, and raise what `events` raises."""
        return of_kind(await self.events(run_id), *kinds)

    async def broken(self, run_id: str) -> str:
        """Return why the record of a run does not hold, in one line, or an empty string where it does."""
        try:
            held = await self.dossier(GateKey(run_id, "", 0))
        except Refused as error:
            return str(error)
        wrong = unlike(held.run, held.gates, held.said, held.events)
        return str(broken_record(run_id, wrong)) if wrong else ""

    async def feigned(self) -> list[str]:
        """Return a line for each run that is over by its row alone, and for each that has events and no row."""
        gone, ended = await self._database.read(chain.without_row), await self._database.read(chain.ended)
        lines = [str(broken_record(run, "it has events, and its row is gone")) for run in gone]
        false = [run for run, status, row in ended if not (row and self._chains.is_signed(row) and _ends(row, status))]
        return [*lines, *(str(broken_record(run, "its row says that it is over, and no event does")) for run in false)]

    async def open_gate(self, key: GateKey, opening: Callable[[GateHistory], Opening]) -> OpenResult:
        """Open a gate once, in one transaction, and leave an open one as it is.

        Args:
            key: which gate.
            opening: makes it from what bears on it; what a policy decides is used at once, else the run waits.
        """

        def opens(connection: sa.Connection, now: datetime) -> OpenResult:
            return self._open(connection, now, key, opening)

        return await self._database.write(opens, self._clock.now())

    def _open(
        self, connection: sa.Connection, now: datetime, key: GateKey, opening: Callable[[GateHistory], Opening]
    ) -> OpenResult:
        dossier = self._dossier(connection, key)
        if dossier.gate:
            return OpenResult.asks if dossier.gate.status is GateStatus.open else OpenResult.decided
        gate, passed, events = opening(dossier)
        rows.open_gate(connection, gate)
        if passed:
            rows.add_decision(connection, passed)
            rows.close_gate(connection, key, GateStatus.decided)
            rows.consume(connection, key, now)
        else:
            rows.wait(connection, key.run)
            # A gate may wait for days: the turn to release goes to the next run meanwhile (decision 0020).
            turns.leave(connection, key.run, self._dispatch)
        self._append(connection, key.run, now, events)
        return OpenResult.passed if passed else OpenResult.asks

    async def dossier(self, key: GateKey) -> GateHistory:
        """All that bears on a gate, opened or not, as of one moment.

        Raises:
            UsageError: there is no such run.
        """
        return await self._database.read(self._dossier, key)

    async def waiting(self, offset: int, limit: int) -> tuple[list[GateRow], int]:
        """Return a page of open gates, the oldest first, and their number at the same moment."""
        return await self._database.read(self._waiting, offset, limit)

    async def decide(self, decision: Decision, needed: int, dispatch: Dispatch, *events: Event) -> DecideResult:
        """Takes what a person says at a gate if it is still open: decision, event and next segment are one transaction.

        Args:
            decision: what is said; its token is used.
            needed: how many approvals decide the gate; anything else decides it at once.
            dispatch: enqueues what follows.
            events: what happened.
        """
        statement = decision.statement
        key = statement.gate

        def deciding(connection: sa.Connection, now: datetime) -> DecideResult:
            gate = rows.find_gate(connection, key)
            # Read again inside the transaction: whoever decided first by any channel has committed by now, and the lock
            # keeps others out.
            before = _standing(connection, key)
            if (
                gate is None
                or gate.status is not GateStatus.open
                or any(d.statement.by == statement.by for d in before)
            ):
                return DecideResult.lost
            # The token's digest is stored here and not when the page was shown: to look at a gate writes nothing
            # (decision 0008).
            if not rows.use_token(connection, statement.token, key, now):
                return DecideResult.token_used
            rows.add_decision(connection, decision)
            self._append(connection, key.run, now, events)
            # A rejection or a request for changes decides at once: a quorum is for letting something pass.
            if statement.kind.passes and approvals([*before, decision]) < needed:
                return DecideResult.counted
            rows.close_gate(connection, key, GateStatus.decided)
            dispatch(connection, key.run, rows.next_segment(connection, key.run))
            return DecideResult.decided

        return await self._database.write(deciding, self._clock.now())

    async def revoke(self, key: GateKey, by: str, dispatch: Dispatch, *events: Event) -> bool:
        """Takes back what a person said at a gate, and voids the gate, if nothing has come of it yet.

        Returns:
            False, with nothing changed, where it was used already, or they said nothing.
        """

        def revoking(connection: sa.Connection, now: datetime) -> bool:
            gate = rows.find_gate(connection, key)
            if gate is None or gate.status is GateStatus.void or not rows.revoke(connection, key, by, now):
                return False
            # Decided and not used yet counts, too: until the run goes on, nothing has come of it that could not be
            # taken back.
            rows.close_gate(connection, key, GateStatus.void, also=GateStatus.decided)
            self._append(connection, key.run, now, [*events, _voided(key, "revoked")])
            dispatch(connection, key.run, rows.next_segment(connection, key.run))
            return True

        return await self._database.write(revoking, self._clock.now())

    async def replace_gate(
        self, key: GateKey, why: GateVoided, opening: Callable[[GateHistory], Opening], dispatch: Dispatch
    ) -> None:
        """Void an open gate and open the next attempt, in one transaction, or do nothing where it is not open.

        Args:
            key: which gate.
            why: the reason, and what moved.
            opening: makes the next one from what bears on it.
            dispatch: enqueues what follows, where a policy passes it at once.
        """
        following = key._replace(attempt=key.attempt + 1)

        def replacing(connection: sa.Connection, now: datetime) -> None:
            if not rows.close_gate(connection, key, GateStatus.void):
                return
            self._append(connection, key.run, now, [why])
            if self._open(connection, now, following, opening) is OpenResult.passed:
                dispatch(connection, key.run, rows.next_segment(connection, key.run))

        await self._database.write(replacing, self._clock.now())

    async def expire(self, key: GateKey, note: str) -> bool:
        """Void an expired gate and park its run, or return False where it is not open any more."""

        def expiring(connection: sa.Connection, now: datetime) -> bool:
            closed = rows.close_gate(connection, key, GateStatus.void, also=GateStatus.open)
            if closed:
                rows.set_status(connection, key.run, RunStatus.parked, note)
                self._append(connection, key.run, now, [_voided(key, "gate_expired")])
            return closed

        return await self._database.write(expiring, self._clock.now())

    async def end_delegations(self, by: str, to: str) -> int:
        """End one person's delegations to another, and return their number."""
        return await self._database.write(rows.end_delegations, by, to, self._clock.now())

    async def taken(self, key: GateKey) -> list[Decision]:
        """Return decisions at a gate that were not revoked."""
        return await self._database.read(_standing, key)

    async def consume(self, key: GateKey, verdict: Callable[[GateHistory], tuple[T, GateVoided | None]]) -> T:
        """Uses what was decided at a gate, or closes the gate with nothing approved, in one transaction.

        Args:
            key: which gate.
            verdict: says what comes of the gate, and why it is void, or None where it is not.
        """

        def use(connection: sa.Connection, now: datetime) -> T:
            dossier = self._dossier(connection, key)
            outcome, why = verdict(dossier)
            if why is None:
                if dossier.decision:
                    rows.consume(connection, key, now)
            # A decision is void with its gate, also one that was taken: a node that runs again finds the gate void, and
            # no second event.
            elif rows.close_gate(connection, key, GateStatus.void, also=GateStatus.decided):
                self._append(connection, key.run, now, [why])
            return outcome

        return await self._database.write(use, self._clock.now())

    async def void(self, key: GateKey, reason: str) -> None:
        """Voids a gate with what was decided there, even though it was used: nothing has come of it."""

        def voiding(connection: sa.Connection, now: datetime) -> None:
            if rows.close_gate(connection, key, GateStatus.void, also=GateStatus.decided):
                self._append(connection, key.run, now, [_voided(key, reason)])

        await self._database.write(voiding, self._clock.now())

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

    async def effect_failed(self, run_id: str, key: str) -> None:
        """Notes that an effect surely did nothing, so that the next attempt is as the first."""
        await self._database.write(rows.undo_effect, f"{run_id}/{key}")

    async def told(self, mirrored: Mirrored, key: str, *events: Event) -> None:
        """Notes how far a place outside follows a run now, with what came of the effect by which it got there.

        The effect is forgotten in the same transaction: the number of the last event that was told says it is over.
        """

        def over(connection: sa.Connection, now: datetime) -> None:
            keep(connection, mirrored)
            rows.undo_effect(connection, f"{mirrored.run}/{key}")
            self._append(connection, mirrored.run, now, events)

        await self._database.write(over, self._clock.now())

    async def published(self, gate: GateKey, key: str, receipt: Mapping[str, Any], reason: str, event: Event) -> None:
        """Keep the receipt of a publication, and void the release gates of other runs in the same transaction.

        Args:
            gate: where the publication was approved; open gates of that phase in other runs are voided.
            key: of the effect.
            receipt: of the effect.
            reason: why the others' gates are void; their runs are sent on, to be asked anew.
            event: what happened.
        """

        def done(connection: sa.Connection, now: datetime) -> None:
            rows.end_effect(connection, f"{gate.run}/{key}", receipt)
            self._append(connection, gate.run, now, [event])
            dispatch = self._sends()
            # Nobody should read what can no longer be released, so their gates close with this commit and not with
            # their next look.
            for other in rows.find_gates(connection, None, GateStatus.open):
                at = other.key
                if at.phase == gate.phase and at.run != gate.run:
                    rows.close_gate(connection, at, GateStatus.void, also=GateStatus.open)
                    self._append(connection, at.run, now, [_voided(at, reason)])
                    dispatch(connection, at.run, rows.next_segment(connection, at.run))

        await self._database.write(done, self._clock.now())

    async def effect_done(self, run_id: str, key: str, receipt: Mapping[str, Any], *events: Event) -> None:
        """Keeps the receipt of an effect, and what happened, in one transaction."""

        def done(connection: sa.Connection, now: datetime) -> None:
            rows.end_effect(connection, f"{run_id}/{key}", receipt)
            self._append(connection, run_id, now, events)

        await self._database.write(done, self._clock.now())

    def _dossier(self, connection: sa.Connection, key: GateKey) -> GateHistory:
        proven = self._chains.read(connection, key.run)
        run, gates = rows.find_run(connection, key.run), tuple(rows.find_gates(connection, key.run, None))
        said = tuple(rows.find_decisions(connection, key.run))
        wrong = disagreement(run, gates, said, proven.events)
        if wrong:
            raise broken_record(key.run, wrong)
        return GateHistory(
            key=key,
            run=run,
            gate=next((gate for gate in gates if gate.key == key), None),
            gates=gates,
            said=said,
            events=proven.events,
            last=proven.last,
            last_at=proven.last_at,
            delegations=tuple(rows.find_delegations(connection)),
        )

    def _waiting(self, connection: sa.Connection, offset: int, limit: int) -> tuple[list[GateRow], int]:
        gates, total = rows.waiting(connection, offset, limit)
        return [self._look(connection, gate) for gate in gates], total

    def _look(self, connection: sa.Connection, gate: GateRecord) -> GateRow:
        try:
            dossier = self._dossier(connection, gate.key)
        except Refused as error:
            # One record that does not hold must not hide the gates of all other runs.
            return GateRow(gate=gate, run=rows.find_run(connection, gate.key.run), reports=(), broken=str(error))
        return GateRow(gate=gate, run=dossier.run, reports=dossier.reports, taken=dossier.taken)


def _ends(row: Row, status: str) -> bool:
    event = chain.entry_of(row).event
    return isinstance(event, RunEnded) and event.status == status


def _standing(connection: sa.Connection, key: GateKey) -> list[Decision]:
    return [said for said in rows.standing_decisions(connection, key.run) if said.statement.gate == key]


def _voided(key: GateKey, reason: str) -> GateVoided:
    return GateVoided(phase=key.phase, attempt=key.attempt, reason=reason)
