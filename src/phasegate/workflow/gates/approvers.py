"""Approvers of a gate, in their own right or in a delegator's."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from phasegate.core import InvalidInput
from phasegate.ledger import Decision, Delegation, Envelope, GateHistory, GateRecord, PublicKey
from phasegate.ledger.events import Starter
from phasegate.team import Flow, Gate, Phase

FRESH = timedelta(minutes=5)
"""How old a proof of who somebody is may be where a gate asks for one."""
POLICY = "policy:"
Delegations = Sequence[tuple[Delegation, Envelope]]


class Kind(StrEnum):
    """Kind of a decider."""

    person = "person"
    agent = "agent"
    service = "service"


class Channel(StrEnum):
    """By which way a decision came in."""

    terminal = "terminal"
    page = "page"
    api = "api"
    slack = "slack"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Identity of a decider, as the channel found it."""

    name: str
    kind: Kind
    channel: Channel
    proved_at: datetime | None = None
    """When they last proved who they are, by passphrase or by a signature over something new."""

    def fresh(self, now: datetime) -> bool:
        """Return whether that was just now."""
        return is_fresh(self.proved_at, now)


def is_fresh(proved_at: datetime | None, now: datetime) -> bool:
    """Return whether the decider proved their identity just now."""
    # A proof from the future shows that the clock was set back since, so nobody knows how old it is.
    return proved_at is not None and timedelta(0) <= now - proved_at <= FRESH


@dataclass(frozen=True, kw_only=True)
class Manager:
    """A person who may decide."""

    name: str
    card: str
    """The card under which workflows list them as approver."""
    public_key: PublicKey
    groups: tuple[str, ...] = ()
    slack: str = ""
    """Their user's id in Slack; empty: they do not decide there."""


@dataclass(frozen=True, kw_only=True)
class Approvers:
    """Everybody who counts, as of now."""

    managers: Mapping[str, Manager]
    system: PublicKey
    """Signs what a policy passes."""

    def refusal(self, decision: Decision, phase: Phase, dossier: GateHistory, now: datetime) -> str:
        """Return the reason code of a decision that does not count, or an empty string."""
        statement = decision.statement
        by_policy = statement.by.startswith(POLICY)
        manager = None if by_policy else self.managers.get(statement.by)
        if manager is None and not by_policy:
            return "not_an_approver"
        key = manager.public_key if manager else self.system
        if not decision.envelope.holds(key):
            return "bad_signature"
        return self._right(manager, statement.instead_of, phase, dossier, now) if manager else ""

    def _right(self, manager: Manager, instead_of: str, phase: Phase, dossier: GateHistory, now: datetime) -> str:
        principal = self.managers.get(instead_of) if instead_of else manager
        if principal is None or not may_approve(phase.gate, principal, escalated=escalated(dossier.gate, phase, now)):
            return "not_an_approver"
        if instead_of and not (phase.gate.delegable and self.delegation(instead_of, manager.name, phase, dossier, now)):
            return "no_delegation"
        return "" if phase.gate.author_may_approve else _by_author(dossier, manager, principal)

    def delegation(self, by: str, to: str, phase: Phase, dossier: GateHistory, now: datetime) -> Envelope | None:
        """The delegation in which one lets the other decide there now, as it was signed, or None."""
        principal = self.managers.get(by)
        held = (
            envelope
            for found, envelope in dossier.delegations
            if principal
            and found.by == by
            and found.covers(to, phase.id, now)
            # The end is held against the run's last event too: a clock that was set back revives no delegation.
            and dossier.last_at < found.ends
            and envelope.holds(principal.public_key)
        )
        return next(held, None)

    def principal(self, name: str, phase: Phase, gate: GateRecord, given: Delegations, now: datetime) -> str:
        """In whose right that person can decide there: their own, or that of one who delegated to them."""
        late = escalated(gate, phase, now)
        own = self.managers.get(name)
        if own and may_approve(phase.gate, own, escalated=late):
            return ""
        names = (found.by for found, _ in given if found.covers(name, phase.id, now) and found.by in self.managers)
        return next((by for by in names if may_approve(phase.gate, self.managers[by], escalated=late)), "")

    def approvers(self, phase: Phase, gate: GateRecord | None, now: datetime) -> list[str]:
        """Names of those who may decide there by their own right."""
        late = escalated(gate, phase, now)
        return sorted(m.name for m in self.managers.values() if may_approve(phase.gate, m, escalated=late))


def _by_author(dossier: GateHistory, manager: Manager, principal: Manager) -> str:
    """Return why somebody may not decide where whoever started the run may not, or an empty string.

    The starter is known by key or by having signed in: a name that Git is configured with is anybody's.
    """
    starter = dossier.started.starter if dossier.started else None
    if starter is None:
        return "author_unknown"
    # Both count: else the author would decide for somebody else, or have somebody decide in their right.
    same = _is_starter(starter, manager) or _is_starter(starter, principal)
    return "author_may_not_approve" if same else ""


def _is_starter(starter: Starter, manager: Manager) -> bool:
    return starter.key == manager.public_key.key_id or starter.name == manager.name


def require_passable(flow: Flow, managers: Mapping[str, Manager], groups: Collection[str]) -> None:
    """Refuse a workflow with a gate that nobody, or too few, may pass.

    Raises:
        InvalidInput: one of its gates names somebody who is not listed, or wants more approvals than there are people.
    """
    for phase in flow.phases:
        _require_known(phase.gate, managers, groups)
        able = [person.name for person in managers.values() if may_approve(phase.gate, person)]
        wanted = phase.gate.quorum
        if wanted > max(1, len(able)):
            raise InvalidInput(
                f"gate '{phase.gate.name}' wants {wanted} approvals, and phasegate.toml lists {len(able)} who may",
                fix="add managers with 'phasegate manager init --name NAME', or lower the quorum",
            )


def _require_known(gate: Gate, managers: Collection[str], groups: Collection[str]) -> None:
    names = {"user": managers, "group": groups}
    for rule in (*gate.approvers, *gate.escalate_to):
        kind, _, name = rule.partition(":")
        if kind in names and name not in names[kind]:
            raise InvalidInput(
                f"gate '{gate.name}' names {kind} '{name}', and phasegate.toml has none of that name",
                fix="add them under [[managers]] or [groups], or name another",
            )


def may_approve(gate: Gate, manager: Manager, *, escalated: bool = False) -> bool:
    """Return whether the gate's rules name that person."""
    rules = (*gate.approvers, *(gate.escalate_to if escalated else ()))
    return any(_names(rule, manager) for rule in rules)


def _names(rule: str, manager: Manager) -> bool:
    kind, _, name = rule.partition(":")
    match kind:
        case "user":
            return name == manager.name
        case "group":
            return name in manager.groups
        case _:
            return kind == manager.card


def escalated(gate: GateRecord | None, phase: Phase, now: datetime) -> bool:
    """Return whether the gate has waited so long that its escalation's approvers may decide too."""
    after = phase.gate.escalate_after
    return gate is not None and after is not None and now - gate.opened_at >= after


def expired(gate: GateRecord, phase: Phase, now: datetime) -> bool:
    """Return whether the gate was open for longer than its workflow allows."""
    after = phase.gate.expires_after
    # A gate's row keeps whole seconds.
    return after is not None and now.replace(microsecond=0) - gate.opened_at > after
