"""What the ledger keeps, as values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from phasegate.core import canonical


class RunStatus(StrEnum):
    """Where a run is."""

    working = "working"
    waiting = "waiting"
    parked = "parked"
    released = "released"
    rejected = "rejected"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self in (RunStatus.released, RunStatus.rejected)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One way of a spec through the phases."""

    id: str
    spec: str
    """The spec's folder, from the top of the repository."""
    flow: str
    branch: str
    base: str
    """The commit that the run began from."""
    policy: str = ""
    """The gate policy that may decide in a person's place; empty: none."""
    status: RunStatus = RunStatus.working
    note: str = ""
    """Why it is parked."""
    segments: int = 0
    """How many segments were dispatched."""
    started_at: datetime


class GateKey(NamedTuple):
    """Which gate: interrupt ids are random and change on replay, so gates are keyed by what they stand for."""

    run: str
    phase: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.run}/{self.phase}/{self.attempt}"


class GateStatus(StrEnum):
    """Where a gate is."""

    open = "open"
    decided = "decided"
    void = "void"


@dataclass(frozen=True, kw_only=True)
class GateRecord:
    """One question to the manager: may exactly this tree go on?"""

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
    """What a manager can say; never inferred from prose."""

    approve = "approve"
    request_changes = "request-changes"
    reject = "reject"
    waive = "waive"

    @property
    def passes(self) -> bool:
        """Whether the run goes on to the next phase."""
        return self in (DecisionKind.approve, DecisionKind.waive)


@dataclass(frozen=True, kw_only=True)
class Comment:
    """What the manager asks for; the rework answers it by its number."""

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
    """What is signed: this person, this decision, these bytes."""

    gate: GateKey
    digest: str
    kind: DecisionKind
    by: str
    """The manager's name, or `policy:NAME`."""
    at: datetime
    comments: tuple[Comment, ...] = ()
    waiver: Waiver | None = None

    def encoded(self) -> bytes:
        """The bytes that the signature is over: canonical JSON."""
        return canonical(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """As it is stored; fields without a value are left out."""
        body: dict[str, Any] = {
            "gate": str(self.gate),
            "digest": self.digest,
            "decision": self.kind.value,
            "by": self.by,
            "at": int(self.at.timestamp()),
        }
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


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened in a run."""

    run: str
    seq: int
    key: str
    """`kind` or `kind:phase/attempt/round/…`; the same key is stored once, however often a node runs."""
    at: datetime
    body: dict[str, Any] = field(default_factory=dict)
    digest: bytes = b""
    """SHA-256 over the event and the digest before it."""

    @property
    def kind(self) -> str:
        """What kind of thing happened, such as `check` or `gate`."""
        return self.key.partition(":")[0]

    @property
    def place(self) -> list[str]:
        """Phase, attempt, round and so on, as far as the key names them."""
        return self.key.partition(":")[2].split("/")


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """All that bears on a gate, as of one moment."""

    key: GateKey
    run: Run
    gate: GateRecord | None
    decisions: tuple[Decision, ...]
    """Of the whole run, by phase and attempt."""
    reports: tuple[Event, ...]
    """What checks and reviewers of the phase said, in all its attempts and rounds."""

    @property
    def decision(self) -> Decision | None:
        """What was decided at this gate, or None."""
        return next((decision for decision in self.decisions if decision.statement.gate == self.key), None)
