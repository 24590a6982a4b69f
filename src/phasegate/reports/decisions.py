"""Reports of decisions, revocations and delegations, and delegations in whole days."""

from datetime import UTC, date, datetime, time
from typing import Self

from pydantic import Field

from phasegate import ledger
from phasegate.app.app import App
from phasegate.core.report import Report, Timestamp
from phasegate.ledger import DecisionKind


class DecisionComment(Report):
    """A change that a manager asked for."""

    text: str
    path: str = ""
    """Empty where the comment is about the whole gate."""
    line: int = 0
    """From 1; 0 where the comment is about the whole file."""


class DecisionWaiver(Report):
    """An exception from findings that block."""

    rules: tuple[str, ...]
    """`check/rule` of each waived finding."""
    owner: str
    reason: str
    expires: str
    """A date, `YYYY-MM-DD`."""


class SignedContent(Report):
    """The content of a signed decision, without its time."""

    gate: str
    """`RUN/PHASE/ATTEMPT`."""
    digest: str
    """The gate's digest, as the manager saw it."""
    decision: DecisionKind
    by: str
    """The manager's name, or `policy:NAME`."""
    tree: str = ""
    """Hash of the gate's tree."""
    token: str = ""
    """The one-time token, used by this decision."""
    instead_of: str = ""
    """The approver who delegated; empty for a decision in one's own right."""
    head: str = ""
    """Digest of the run's newest event when it was signed; empty for a policy's decision."""
    comments: tuple[DecisionComment, ...] = ()
    waiver: DecisionWaiver | None = None


class Decision(SignedContent):
    """A decision as it was signed."""

    at: int
    """Seconds since 1970."""

    @classmethod
    def of(cls, decision: ledger.Decision) -> Self:
        """Return the report of a recorded decision."""
        return cls.model_validate(decision.statement.as_json())


class Receipt(Decision):
    """A recorded decision, as its manager is told of it."""

    key_id: str
    """SHA-256 of the raw public key, in hexadecimal."""
    attended: bool
    """Whether a worker lives, which goes on with the run."""

    @classmethod
    def given(cls, decision: ledger.Decision, *, attended: bool) -> Self:
        """Return the receipt for a decision that was recorded just now."""
        return cls.model_validate({**decision.statement.as_json(), "key_id": decision.key_id, "attended": attended})


class Said(Report):
    """A decision at a gate that was not taken back, in short."""

    by: str
    instead_of: str
    """The approver who delegated; empty for a decision in one's own right."""
    decision: DecisionKind
    at: Timestamp

    @classmethod
    def of(cls, decision: ledger.Decision) -> Self:
        """Return the report of a decision at a gate."""
        said = decision.statement
        return cls(by=said.by, instead_of=said.instead_of, decision=said.kind, at=said.at)


class Revoked(Report):
    """A decision that its manager took back."""

    gate: str
    by: str
    at: int
    """Seconds since 1970."""
    key_id: str
    """SHA-256 of the raw public key, in hexadecimal."""
    attended: bool
    """Whether a worker lives, which opens the gate anew."""


class Delegation(Report):
    """A delegation with its window in seconds since 1970."""

    by: str
    """The approver who delegates."""
    to: str
    begins: int = Field(alias="from")
    until: int
    gates: tuple[str, ...]
    """Ids of phases; empty: all."""

    @classmethod
    def of(cls, given: ledger.Delegation) -> Self:
        """Return the report of a delegation."""
        window = {"from": int(given.begins.timestamp()), "until": int(given.ends.timestamp())}
        return cls.model_validate({"by": given.by, "to": given.to, "gates": given.gates, **window})


class Ended(Report):
    """The number of ended delegations."""

    by: str
    to: str
    ended: int


def drawn_up(app: App, by: str, to: str, first: date | None, last: date, gates: tuple[str, ...]) -> ledger.Delegation:
    """A delegation for whole days in UTC.

    Args:
        app: whose clock tells the time.
        by: the approver who delegates.
        to: who decides for them.
        first: the first day; None: from now on.
        last: the last day, which counts to its end.
        gates: ids of phases; empty: all.
    """
    begins = datetime.combine(first, time(), UTC) if first else app.clock.now()
    return ledger.Delegation(
        by=by, to=to, begins=begins, ends=datetime.combine(last, time(23, 59, 59), UTC), gates=gates
    )


async def standing(app: App) -> list[ledger.Delegation]:
    """Return current and future delegations signed by a present manager, the first to end first."""
    managers, now = app.keeper.managers(), app.clock.now()
    found = [
        given
        for given, envelope in await app.ledger.delegations()
        if now < given.ends and given.by in managers and envelope.holds(managers[given.by].public_key)
    ]
    return sorted(found, key=lambda given: (given.ends, given.by, given.to, given.begins))


def where(given: ledger.Delegation) -> str:
    """`at plan, build`, or `at every gate`."""
    return f"at {', '.join(given.gates)}" if given.gates else "at every gate"
