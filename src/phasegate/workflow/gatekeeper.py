"""Opens gates, and takes decisions from the store when a run goes on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal, Protocol

from phasegate.core import Clock, Finding, Severity, digest
from phasegate.ledger import (
    Decision,
    DecisionKind,
    Dossier,
    Entry,
    GateKey,
    GateRecord,
    GateStatus,
    Ledger,
    Opening,
    PrivateKey,
    PublicKey,
    Run,
    Signer,
    Statement,
)
from phasegate.team import Flow, Phase
from phasegate.team.policy import GatePolicy
from phasegate.workflow.reports import findings_in
from phasegate.workflow.state import RunState
from phasegate.workspace import Workspace

Consumed = Literal["approve", "waive", "request-changes", "reject", "ask", "void"]


@dataclass(frozen=True, kw_only=True)
class Manager:
    """A person who may decide."""

    name: str
    card: str
    """The card under which workflows list them as approver."""
    public_key: PublicKey


class Surroundings(Protocol):
    """What a policy's conditions are held against; asked anew at every gate."""

    @property
    def demo_workspace(self) -> bool:
        """Whether the workspace was made for the demonstration."""
        ...

    @property
    def loopback_endpoint(self) -> bool:
        """Whether the AWS endpoint is on this machine."""
        ...

    @property
    def loopback_index(self) -> bool:
        """Whether packages are published on this machine."""
        ...

    def risk(self, files: Mapping[str, bytes], spec: str) -> tuple[Severity, bool]:
        """The spec's own severity, and whether its runbook has a destructive action."""
        ...


@dataclass(frozen=True, kw_only=True)
class Gatekeeper:
    """Stands at the gates of all runs."""

    flow: Flow
    ledger: Ledger
    workspace: Workspace
    managers: Callable[[], Mapping[str, Manager]]
    """Who may decide, by name; read anew at each use."""
    policy: Callable[[str], GatePolicy]
    surroundings: Surroundings
    system: PrivateKey
    """Signs what a policy passes; never taken for a person's."""
    clock: Clock

    async def open(self, state: RunState, phase: Phase) -> bool:
        """Opens the gate; True where a policy passes it, or it was decided before."""
        key = GateKey(state["run"], phase.id, state["attempt"])
        return await self.ledger.open_gate(key, partial(self._opening, state))

    def _opening(self, state: RunState, dossier: Dossier) -> Opening:
        findings, key = findings_in(dossier), dossier.key
        gate = GateRecord(
            key=key,
            status=GateStatus.open,
            commit=state["commit"],
            tree=self.workspace.tree_id(state["commit"]),
            since=state["since"],
            digest=self._digest(dossier, state, findings),
            opened_at=self.clock.now(),
        )
        blocking = sum(finding.blocking for finding in findings)
        opened = (f"gate:{key.phase}/{key.attempt}", {"tree": gate.tree, "blocking": blocking})
        decision, events = self._ask_policy(dossier.run, gate, findings)
        return Opening(gate, decision, [opened, *events])

    async def consume(self, state: RunState, phase: Phase) -> Consumed:
        """What was decided; `ask` where nothing was, `void` where the gate must be opened anew."""
        key = GateKey(state["run"], phase.id, state["attempt"])
        return await self.ledger.consume(key, partial(self._verdict, state, phase))

    def _verdict(self, state: RunState, phase: Phase, dossier: Dossier) -> tuple[Consumed, str]:
        gate, decision = dossier.gate, dossier.decision
        if gate is None or gate.status is GateStatus.void:
            return "void", ""
        if decision is None:
            return ("void", "gate_expired") if expired(gate, phase, self.clock.now()) else ("ask", "")
        reason = self._objection(dossier, gate, decision, state, phase)
        return ("void", reason) if reason else (decision.statement.kind.value, "")

    def _objection(self, dossier: Dossier, gate: GateRecord, decision: Decision, state: RunState, phase: Phase) -> str:
        """Why the decision cannot be used now; who may decide, and what a policy asks, are held against it again."""
        statement, policy = decision.statement, dossier.run.policy
        if gate.commit != state["commit"] or statement.digest != gate.digest:
            return "stale_digest"
        reason = objection(statement, decision.key_id, decision.signature, self.keys(phase))
        if reason or not statement.by.startswith("policy:"):
            return reason
        if statement.by != f"policy:{policy}":
            return "not_an_approver"
        refused = self._refusal(self.policy(policy), gate, findings_in(dossier), dossier.run.spec)
        return "policy_refuses" if refused else ""

    def keys(self, phase: Phase) -> dict[str, PublicKey]:
        """Whose signatures count at that gate, by the name in the statement."""
        managers = {m.name: m.public_key for m in self.managers().values() if m.card in phase.gate.approvers}
        return {**managers, "policy:": self.system.public}

    def _digest(self, dossier: Dossier, state: RunState, findings: list[Finding]) -> str:
        earlier = self.flow.phase_ids[: self.flow.phase_ids.index(dossier.key.phase)]
        upstream = [decision.statement for decision in dossier.decisions if decision.statement.gate.phase in earlier]
        return digest(
            {
                "gate": str(dossier.key),
                "tree": self.workspace.tree_id(state["commit"]),
                "flow": self.flow.shape,
                "upstream": [digest(statement.as_json()) for statement in upstream],
                "findings": [f"{f.check}/{f.rule}/{f.where}/{f.severity}" for f in findings],
            }
        )

    def _ask_policy(self, run: Run, gate: GateRecord, findings: list[Finding]) -> tuple[Decision | None, list[Entry]]:
        if not run.policy:
            return None, []
        policy = self.policy(run.policy)
        refusal = self._refusal(policy, gate, findings, run.spec)
        if refusal:
            place = f"{gate.key.phase}/{gate.key.attempt}"
            return None, [(f"policy:{place}", {"policy": policy.name, "refused": refusal})]
        statement = Statement(
            gate=gate.key,
            digest=gate.digest,
            kind=DecisionKind.approve,
            by=f"policy:{policy.name}",
            at=self.clock.now(),
        )
        return signed(statement, self.system), [decision_event(statement)]

    def _refusal(self, policy: GatePolicy, gate: GateRecord, findings: list[Finding], spec: str) -> str:
        asks, here = policy.requires, self.surroundings
        risk, destructive = here.risk(self.workspace.tree(gate.commit), spec)
        reasons = {
            "this gate is not in its list": policy.gates and gate.key.phase not in policy.gates,
            "the workspace was not made for the demonstration": asks.workspace == "demo" and not here.demo_workspace,
            "the AWS endpoint is not on this machine": asks.endpoint == "loopback" and not here.loopback_endpoint,
            "the package index is not on this machine": asks.index == "loopback" and not here.loopback_index,
            "a blocking finding stands": any(finding.blocking for finding in findings),
            f"the risk is {risk}": risk.weight > asks.risk_at_most.weight,
            "the action is destructive": destructive and not asks.destructive_actions,
        }
        return "; ".join(reason for reason, holds in reasons.items() if holds)


def signed(statement: Statement, signer: Signer) -> Decision:
    """The statement under the signer's key."""
    return Decision(statement=statement, key_id=signer.key_id, signature=signer.sign(statement.encoded()))


def decision_event(statement: Statement) -> tuple[str, dict[str, str]]:
    """The event of a decision."""
    key = statement.gate
    return f"decision:{key.phase}/{key.attempt}", {"by": statement.by, "decision": statement.kind.value}


def objection(statement: Statement, key_id: str, signature: bytes, keys: Mapping[str, PublicKey]) -> str:
    """Why the signature does not count: `not_an_approver`, `bad_signature`, or empty."""
    name = "policy:" if statement.by.startswith("policy:") else statement.by
    key = keys.get(name)
    if key is None:
        return "not_an_approver"
    valid = key.key_id == key_id and key.verifies(statement.encoded(), signature)
    return "" if valid else "bad_signature"


def expired(gate: GateRecord, phase: Phase, now: datetime) -> bool:
    """Whether the gate was open for longer than its workflow allows."""
    after = phase.gate.expires_after
    return after is not None and now - gate.opened_at > after
