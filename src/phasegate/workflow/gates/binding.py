"""Binding of a gate: its shown content against the current one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from phasegate.ledger import GateRecord
from phasegate.ledger.events import Binds, GateOpened, GateVoided, Terms
from phasegate.team import Flow, Gate, Phase
from phasegate.workflow.gates.approvers import Manager, may_approve

RULES, EVIDENCE, BRANCH = "rules_moved", "evidence_moved", "branch_moved"
"""Reasons for which a gate is void: who decides how, what was shown, and where the run's branch is."""

_WORDS = {
    "flow": (RULES, "the workflow has other steps"),
    "phases": (RULES, "the workflow has other phases"),
    "policy": (RULES, "the policy that may pass it was changed"),
    "system": (EVIDENCE, "the system's key is another"),
    "upstream": (EVIDENCE, "the decisions before it are others"),
    "findings": (EVIDENCE, "the findings are others"),
    "tree": (EVIDENCE, "the files are others"),
    "since": (EVIDENCE, "what its files are compared with is another tree"),
    "root": (RULES, "the root of trust is another"),
}


def people(gate: Gate, managers: Mapping[str, Manager]) -> dict[str, dict[str, str]]:
    """Return the keys of those who may decide at a gate: by their own right, and for another."""
    own = {name for name, one in managers.items() if may_approve(gate, one, escalated=True)}
    keys = {name: str(one.public_key) for name, one in sorted(managers.items())}
    return {
        "approvers": {name: key for name, key in keys.items() if name in own},
        "delegates": {name: key for name, key in keys.items() if name not in own} if gate.delegable else {},
    }


def rules(gate: Gate) -> dict[str, Any]:
    """Return the gate's rules as JSON."""
    return gate.model_dump(mode="json")


def begun(flow: Flow, managers: Mapping[str, Manager]) -> dict[str, Any]:
    """Return what a run's first event tells of gates and people: rules and approvers by phase, and everybody's key."""
    own = {phase.id: (*people(phase.gate, managers)["approvers"],) for phase in flow.phases}
    keys = {name: str(one.public_key) for name, one in sorted(managers.items())}
    return {"rules": {phase.id: rules(phase.gate) for phase in flow.phases}, "approvers": own, "managers": keys}


def since_begun(phase: Phase, managers: Mapping[str, Manager], terms: Terms) -> list[str]:
    """Return what of a gate's rules and people is not as a run's first event tells."""
    own, now = set(terms.approvers.get(phase.id, ())), people(phase.gate, managers)
    was = {
        "approvers": {name: key for name, key in terms.managers.items() if name in own},
        "delegates": {name: key for name, key in terms.managers.items() if name not in own},
    }
    now["delegates"] = _known(was["delegates"], now["delegates"])
    return [*rule_changes(phase.gate, terms.rules.get(phase.id, {})), *people_changes(was, now)]


def moved(
    phase: Phase, gate: GateRecord, opened: GateOpened | None, binds: Binds, roots: Sequence[str] = ()
) -> GateVoided | None:
    """Return what differs between a gate as it was opened and as it would be opened now, or None.

    Args:
        phase: the gate's, as the workflow has it now.
        gate: its row.
        opened: the event that tells of its opening.
        binds: what a decision there would be bound to.
        roots: digests of the versions of the root that count, in order.
    """
    if opened is None or not _is_of(gate, opened):
        return void(gate, EVIDENCE, "its row is not what was recorded when it was opened")
    was, now = opened.binds.model_dump(), binds.model_dump()
    now["delegates"] = _known(was["delegates"], now["delegates"])
    if was["root"] in roots:
        # A later version of the root voids the gates whose rules or people it changes, and no others.
        now["root"] = was["root"]
    changed = [*rule_changes(phase.gate, opened.rules), *people_changes(was, now)]
    if changed:
        return void(gate, RULES, f"rules of gate '{phase.gate.name}' changed: {'; '.join(changed)}")
    others = [_WORDS[name] for name in _WORDS if was[name] != now[name]]
    if others:
        return void(gate, others[0][0], *(text for _, text in others))
    return void(gate, RULES, "its rules are others") if was != now else None


def void(gate: GateRecord, reason: str, *what: str) -> GateVoided:
    """Return the event that a gate is void, with what moved."""
    return GateVoided(phase=gate.key.phase, attempt=gate.key.attempt, reason=reason, moved=what)


def rule_changes(gate: Gate, told: Mapping[str, Any]) -> list[str]:
    """Return each rule that is not as it was told, such as `approvers user:bob → manager`."""
    now = rules(gate)
    others = [name for name in now if name in told and told[name] != now[name]]
    return [f"{name} {_text(told[name])} → {_text(now[name])}" for name in others]


def people_changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return who came, who went, and whose key is another, among those who may decide."""
    kinds = ("approvers", "delegates")
    return [text for kind in kinds for text in _changes(kind, was.get(kind, {}), now.get(kind, {}))]


def _known(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return the current keys of those who could be delegates when the gate opened."""
    return {name: now.get(name, key) for name, key in was.items()}


def _changes(kind: str, was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{kind} + {name}" for name in now if name not in was)
    yield from (f"{kind} − {name}" for name in was if name not in now)
    yield from (f"the key of {name} is another" for name in now if name in was and was[name] != now[name])


def _is_of(gate: GateRecord, opened: GateOpened) -> bool:
    return (opened.binds.digest, opened.opened_at) == (gate.digest, int(gate.opened_at.timestamp()))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nobody"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "never" if value is None else str(value)
