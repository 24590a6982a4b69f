"""Values that the ledger keeps."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from phasegate.core import digest
from phasegate.ledger.events import VERSION, DecisionTaken, E, Event, GateKey, GateOpened, Judgement, RunStarted, only
from phasegate.ledger.signing.dsse import EVENT, STATEMENT, Envelope
from phasegate.ledger.signing.intoto import DELEGATION, GATE_APPROVAL, GATE_REVOCATION, statement


class RunStatus(StrEnum):
    """Status of a run."""

    working = "working"
    waiting = "waiting"
    parked = "parked"
    released = "released"
    rejected = "rejected"

    @property
    def ended(self) -> bool:
        """True if the status is final."""
        return self in (RunStatus.released, RunStatus.rejected)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A spec's way through the phases."""

    id: str
    spec: str
    """The spec's folder, from the top of the repository."""
    flow: str
    branch: str
    base: str
    """The commit that the run began from."""
    policy: str = ""
    """The gate policy that may decide in a person's place; empty: none."""
    by: str = ""
    """Who started it, as far as that is known."""
    status: RunStatus = RunStatus.working
    note: str = ""
    """Why it is parked."""
    segments: int = 0
    """How many segments were dispatched."""
    started_at: datetime


class GateStatus(StrEnum):
    """Status of a gate."""

    open = "open"
    decided = "decided"
    void = "void"


@dataclass(frozen=True, kw_only=True)
class GateRecord:
    """A question to the manager: may exactly this tree go on?"""

    key: GateKey
    status: GateStatus
    commit: str
    tree: str
    since: str
    """The commit that was approved last; what changed since then is what the manager reads."""
    digest: str
    """Binds the tree, the decisions upstream, the workflow and the findings."""
    opened_at: datetime


class DecisionKind(StrEnum):
    """Kinds of decision, never inferred from prose."""

    approve = "approve"
    request_changes = "request-changes"
    reject = "reject"
    waive = "waive"

    @property
    def passes(self) -> bool:
        """True if the run goes on to the next phase."""
        return self in (DecisionKind.approve, DecisionKind.waive)


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A change that the manager asks for, answered by the rework under its number."""

    text: str
    path: str = ""
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """An exception from findings that block: who owns it, why, and until when."""

    rules: tuple[str, ...]
    """`check/rule` of each finding that is waived."""
    owner: str
    reason: str
    expires: str
    """A date, `YYYY-MM-DD`."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """The signed statement of a decision: person, kind and bytes."""

    gate: GateKey
    digest: str
    tree: str = ""
    """The tree's hash; the digest binds it too."""
    kind: DecisionKind
    by: str
    """The manager's name, or `policy:NAME`."""
    at: datetime
    comments: tuple[Comment, ...] = ()
    waiver: Waiver | None = None
    token: str = ""
    """The one-time token that was given out with what is decided on."""
    instead_of: str = ""
    """The approver who delegated; empty: by their own right."""
    head: str = ""
    """Digest of the run's newest event when it was signed: whoever has the system's key alone cannot cut or change an
    event up to that one. A policy's has none."""

    @property
    def principal(self) -> str:
        """In whose right it is said: a person and who decides for them are one."""
        return self.instead_of or self.by

    def encoded(self) -> bytes:
        """The in-toto statement, as canonical JSON: the payload of the envelope."""
        return self._payload

    @cached_property
    def _payload(self) -> bytes:
        # A gate reads those of all gates before it several times.
        subjects = {str(self.gate): {"sha256": self.digest, "gitTree": self.tree}}
        return statement(GATE_APPROVAL, subjects, self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Return the predicate without fields that have no value."""
        body: dict[str, Any] = {
            "gate": str(self.gate),
            "digest": self.digest,
            "decision": self.kind.value,
            "by": self.by,
            "at": int(self.at.timestamp()),
        }
        body |= {name: value for name in ("tree", "token", "instead_of", "head") if (value := getattr(self, name))}
        if self.comments:
            body["comments"] = [{k: v for k, v in vars(c).items() if v} for c in self.comments]
        if self.waiver:
            body["waiver"] = {**vars(self.waiver), "rules": list(self.waiver.rules)}
        return body


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A statement with its signature."""

    statement: Statement
    key_id: str
    signature: bytes
    consumed: bool = False
    revoked: bool = False

    @property
    def passes(self) -> bool:
        """True if the run goes on to the next phase."""
        return self.statement.kind.passes

    @property
    def envelope(self) -> Envelope:
        """Return the signed envelope."""
        payload = self.statement.encoded()
        return Envelope(kind=STATEMENT, payload=payload, key_id=self.key_id, signature=self.signature)


def approvals(decisions: Sequence[Decision]) -> int:
    """Return how many people approved: neither a key nor a principal counts twice, under whatever names.

    Those are counted, in order, whose key and whose principal were not counted yet; a person and who decides for them
    are one principal, and one key is one person.
    """
    keys, principals = set[str](), set[str]()
    for decision in decisions:
        if decision.key_id not in keys and decision.statement.principal not in principals:
            keys.add(decision.key_id)
            principals.add(decision.statement.principal)
    return len(keys)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An event in its run's chain."""

    run: str
    seq: int
    at: datetime
    event: Event
    before: bytes = b""
    """Digest of the entry before it; empty for the first."""
    signature: bytes = b""
    """Of the system's key, over the payload in its envelope."""

    @property
    def key(self) -> str:
        """Idempotency key of the event."""
        return self.event.key

    @property
    def payload(self) -> bytes:
        """Return the signed bytes: canonical JSON of the event with the digest of the one before."""
        return event_payload(
            run=self.run,
            seq=self.seq,
            key=self.key,
            at=int(self.at.timestamp()),
            body=self.event.body,
            before=self.before,
        )

    @property
    def digest(self) -> bytes:
        """SHA-256 of the payload, which the next entry holds."""
        return hashlib.sha256(self.payload).digest()

    def envelope(self, key_id: str) -> Envelope:
        """Return the envelope signed by the system's key of that id."""
        return Envelope(kind=EVENT, payload=self.payload, key_id=key_id, signature=self.signature)


def of_kind(entries: Iterable[Entry], *kinds: type[E]) -> list[E]:
    """Return the events of these kinds, in order."""
    return only((entry.event for entry in entries), *kinds)


@dataclass(frozen=True, kw_only=True)
class GateRow:
    """A gate among others: enough to choose where to begin."""

    gate: GateRecord
    run: Run
    reports: tuple[Judgement, ...]
    """What checks and reviewers of the phase said, in all its attempts and rounds; none where the record is broken."""
    broken: str = ""
    """Where the run's record does not hold; empty where it does."""
    taken: tuple[Decision, ...] = ()
    """What people said there so far and did not take back."""


@dataclass(frozen=True, kw_only=True)
class Delegation:
    """A manager has another person decide for them, for a while."""

    by: str
    """The approver who delegates."""
    to: str
    begins: datetime
    ends: datetime
    gates: tuple[str, ...] = ()
    """Ids of phases; empty: all."""
    at: datetime | None = None
    """When it was signed, where it was signed elsewhere; such a statement counts once."""

    def encoded(self) -> bytes:
        """The in-toto statement: the payload of the envelope."""
        window = [int(moment.timestamp()) for moment in (self.begins, self.ends)]
        signed = {"at": int(self.at.timestamp())} if self.at else {}
        predicate = {"by": self.by, "to": self.to, "window": window, "gates": list(self.gates), **signed}
        return statement(DELEGATION, {self.by: {"sha256": digest(predicate)}}, predicate)

    def covers(self, name: str, phase: str, now: datetime) -> bool:
        """Return whether that person may use the delegation at that phase's gate now."""
        return self.to == name and self.begins <= now < self.ends and phase in (self.gates or (phase,))


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """A person takes back what they said at a gate."""

    gate: GateKey
    by: str
    at: datetime

    def encoded(self) -> bytes:
        """The in-toto statement: the payload of the envelope."""
        predicate = {"gate": str(self.gate), "by": self.by, "at": int(self.at.timestamp())}
        return statement(GATE_REVOCATION, {str(self.gate): {"sha256": digest(predicate)}}, predicate)


def event_payload(*, run: str, seq: int, key: str, at: int, body: str, before: bytes, version: int = VERSION) -> bytes:
    """Return an event's canonical JSON, put together from a body that is canonical already."""
    name, of = json.dumps(key, ensure_ascii=False), json.dumps(run, ensure_ascii=False)
    head = f'{{"at":{at},"before":"{before.hex()}","body":{body},"key":{name},"run":{of},"seq":{seq}'
    return f'{head},"version":{version}}}'.encode()


@dataclass(frozen=True, kw_only=True)
class GateHistory:
    """All that bears on a gate, as of one moment."""

    key: GateKey
    run: Run
    gate: GateRecord | None
    gates: tuple[GateRecord, ...]
    """All of the run."""
    said: tuple[Decision, ...]
    """All that was said at them, in order, with what was revoked."""
    events: tuple[Entry, ...]
    """All of the run, in order; their chain holds."""
    last: bytes
    """Digest of the run's last event."""
    last_at: datetime
    """When that was; it is at least so late now, whatever the clock says."""
    delegations: tuple[tuple[Delegation, Envelope], ...] = ()
    """Those that were not revoked, each as it was signed."""

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Return decisions at the run's gates, without revoked ones and those at void gates."""
        void = {gate.key for gate in self.gates if gate.status is GateStatus.void}
        return tuple(one for one in self.said if not one.revoked and one.statement.gate not in void)

    @cached_property
    def told(self) -> frozenset[str]:
        """Digests of the statements that events tell of: what else lies among the decisions was never taken."""
        return frozenset(taken.statement for taken in of_kind(self.events, DecisionTaken))

    @cached_property
    def believed(self) -> tuple[Decision, ...]:
        """Return the decisions that an event records."""
        return tuple(one for one in self.decisions if digest(one.statement.encoded()) in self.told)

    @property
    def started(self) -> RunStarted | None:
        """Return what the run began with, or None."""
        return next(iter(of_kind(self.events, RunStarted)), None)

    @cached_property
    def opened(self) -> GateOpened | None:
        """Return what this gate showed when it opened, or None."""
        return next((e for e in of_kind(self.events, GateOpened) if e.gate(self.key.run) == self.key), None)

    @property
    def before(self) -> bytes:
        """Return the digest of the entry before the gate opened, empty where it is not opened."""
        return next((entry.before for entry in self.events if entry.event is self.opened), b"")

    @property
    def reports(self) -> tuple[Judgement, ...]:
        """Return the reports of the phase's checks and reviewers, of all its attempts and rounds."""
        return tuple(report for report in of_kind(self.events, Judgement) if report.phase == self.key.phase)

    @property
    def taken(self) -> tuple[Decision, ...]:
        """Return the decisions at this gate, several where it needs several approvals."""
        return tuple(decision for decision in self.decisions if decision.statement.gate == self.key)

    @property
    def passed(self) -> tuple[Decision, ...]:
        """Return consumed decisions of gates that passed, since waivers at other gates do not apply."""
        used = [decision for decision in self.decisions if decision.consumed]
        last = {decision.statement.gate: decision.statement.kind for decision in used}
        return tuple(decision for decision in used if last[decision.statement.gate].passes)

    @property
    def decision(self) -> Decision | None:
        """Return the decision that closed this gate, or None."""
        decided = self.gate is not None and self.gate.status is GateStatus.decided
        return self.taken[-1] if decided and self.taken else None
