"""What a manager sees at a gate, the same in every channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from phasegate.app.app import App
from phasegate.core import Finding, UsageError
from phasegate.ledger import Decision, DecisionKind, Dossier, Event, GateKey, GateRecord, GateStatus, Run
from phasegate.reports.approvals import approvals, approved, said_json
from phasegate.reports.cost import Cost, cost_of
from phasegate.reports.external_links import ByHand, by_hand
from phasegate.reports.last_approval import approved_before
from phasegate.reports.tool_requests import Wait, waits
from phasegate.team import Phase
from phasegate.workflow import findings_of, judged
from phasegate.workspace import Change, changes


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one check or reviewer looked at, and found."""

    by: str
    kind: str
    """`check` or `review`."""
    saw: str
    findings: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an author made of one of the manager's comments."""

    comment: str
    """With its place in front, as the author was given it."""
    by: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """A waiver that an earlier gate of the run was passed with: what it excuses is still not mended."""

    gate: str
    rules: tuple[str, ...]
    owner: str
    reason: str
    expires: str


@dataclass(frozen=True, kw_only=True)
class GateView:
    """One gate, with everything that a decision needs."""

    run: Run
    gate: GateRecord
    phase: Phase
    changes: tuple[Change, ...]
    """The whole difference from what a person approved before; at a first gate the whole spec."""
    compared: str
    """What the difference is from: `since the last approval`, or `to approve for the first time, shown whole`."""
    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]
    answers: tuple[Answer, ...]
    exemptions: tuple[Exemption, ...]
    """Waivers of earlier gates, which this gate's findings need not show any more."""
    expires_at: datetime | None
    decision: Decision | None
    said: tuple[Decision, ...]
    """What people said here so far, and did not take back; more than one where it asks for several approvals."""
    cost: Cost
    by_hand: tuple[ByHand, ...]
    """What people did to the run's ticket since the decision before; data, and never a decision."""
    tools: tuple[Wait, ...]
    """Servers of tools that this phase met, and that wait for a manager."""
    choices: Mapping[DecisionKind, str]
    """What happens on each decision."""
    quorum: int
    """How many approvals it takes, by the rules that it was opened under."""
    changed: tuple[str, ...] = ()
    """What of its rules, people and branch was not as when the run began, when the gate opened."""
    moved: str = ""
    """What it shows and is not true any more: nothing is decided on it, and another opens. Empty where all is."""

    @property
    def blocking(self) -> list[Finding]:
        """The findings that keep it from being approved."""
        return [finding for finding in self.findings if finding.blocking]

    @property
    def missing(self) -> int:
        """How many more approvals it takes."""
        return max(0, self.quorum - approved(self.said))

    def said_by(self, name: str) -> Decision | None:
        """What that person said here already, or None."""
        return next((decision for decision in self.said if decision.statement.by == name), None)

    def approvals(self, now: datetime) -> str:
        """Who approved so far, in words; empty where one approval is enough, or none counts any more."""
        void = self.gate.status is GateStatus.void
        return "" if void else approvals(self.said, self.quorum, now)

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs; times in ISO 8601."""
        return {
            "gate": str(self.gate.key),
            "name": self.phase.gate.name,
            "spec": self.run.spec,
            "status": self.gate.status.value,
            "digest": self.gate.digest,
            "commit": self.gate.commit,
            "tree": self.gate.tree,
            "since": self.gate.since,
            "opened_at": self.gate.opened_at.isoformat(),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "reauthenticate": self.phase.gate.reauthenticate,
            "approvers": list(self.phase.gate.approvers),
            "quorum": self.quorum,
            "said": [said_json(decision) for decision in self.said],
            "compared": self.compared,
            "changes": [
                {
                    "path": c.path,
                    "kind": c.kind,
                    "added": c.added,
                    "removed": c.removed,
                    "hidden": c.hidden,
                    "lines": list(c.lines),
                }
                for c in self.changes
            ],
            "findings": [{**vars(f), "blocking": f.blocking} for f in self.findings],
            "evidence": [vars(row) for row in self.evidence],
            "answers": [vars(answer) for answer in self.answers],
            "exemptions": [{**vars(each), "rules": list(each.rules)} for each in self.exemptions],
            "decision": self.decision.statement.as_json() if self.decision else None,
            "cost": self.cost.as_json(),
            "tools": [asked.as_json() for wait in self.tools for asked in wait.tools],
            "by_hand": [vars(each) for each in self.by_hand],
            "changed": list(self.changed),
            "moved": self.moved,
            "choices": {kind.value: text for kind, text in self.choices.items()},
        }


async def find_gate(app: App, name: str) -> GateRecord:
    """The gate `RUN/PHASE/ATTEMPT`; without attempt its last, without phase the run's open one.

    Raises:
        UsageError: there is none.
    """
    run_id, _, rest = name.partition("/")
    run = await app.ledger.run(run_id)
    phase, _, attempt = rest.partition("/")
    found = [
        gate
        for gate in await app.ledger.gates(run.id)
        if phase in ("", gate.key.phase) and attempt in ("", str(gate.key.attempt))
    ]
    waiting = [gate for gate in found if gate.status is GateStatus.open]
    if not (waiting or (found and phase)):
        raise UsageError(f"there is no gate '{name}'", fix="list those that wait: 'phasegate gates'")
    return (waiting or found)[-1]


async def view_gate(app: App, gate: GateRecord) -> GateView:
    """Everything about the gate."""
    key, phase = gate.key, app.flow.phase(gate.key.phase)
    dossier = await app.ledger.dossier(key)
    before = await approved_before(app, dossier, gate)
    events = list(dossier.events)
    moved = app.keeper.moved(dossier) if gate.status is GateStatus.open else None
    opened: Mapping[str, Any] = dossier.opened.body if dossier.opened else {}
    expires = phase.gate.expires_after
    return GateView(
        run=dossier.run,
        gate=gate,
        phase=phase,
        changes=tuple(changes(before.files, app.workspace.tree(gate.commit))),
        compared=before.says,
        findings=tuple(findings_of(events, key.phase, key.attempt)),
        evidence=tuple(_evidence(event) for event in judged(events, key.phase, key.attempt)),
        answers=_answers(events, key),
        exemptions=_exemptions(dossier),
        expires_at=gate.opened_at + expires if expires else None,
        decision=dossier.decision,
        said=dossier.taken,
        cost=cost_of(events, app.flow, phase, app.team.cards),
        tools=tuple(await waits(app, key.run, key.phase)),
        by_hand=tuple(by_hand(_meanwhile(events, key))),
        choices=_choices(app, phase, dossier),
        quorum=opened.get("binds", {}).get("quorum", phase.gate.quorum),
        changed=tuple(opened.get("changed", ())),
        moved=str(moved or ""),
    )


def _meanwhile(events: list[Event], key: GateKey) -> list[Event]:
    """What happened since the decision before the gate, up to the next gate."""
    own = next((event.seq for event in events if event.key == f"gate:{key.phase}/{key.attempt}"), 0)
    before = max((event.seq for event in events if event.kind == "decision" and event.seq < own), default=0)
    after = next((event.seq for event in events if event.kind == "gate" and event.seq > own), len(events) + 1)
    return [event for event in events if before < event.seq < after]


def _evidence(event: Event) -> Evidence:
    return Evidence(
        by=event.place[3],
        kind=event.kind,
        saw="; ".join(event.body.get("evidence", [])),
        findings=len(event.body.get("findings", [])),
        seconds=float(event.body.get("s", 0)),
    )


def _answers(events: list[Event], key: GateKey) -> tuple[Answer, ...]:
    drafts = [e for e in events if e.kind == "draft" and e.place[:3] == [key.phase, str(key.attempt), "1"]]
    return tuple(
        Answer(comment=comment, by=draft.body["by"], text=text)
        for draft in drafts
        for comment, text in draft.body.get("answers", [])
    )


def _exemptions(dossier: Dossier) -> tuple[Exemption, ...]:
    said = (decision.statement for decision in dossier.passed if decision.statement.gate != dossier.key)
    return tuple(
        Exemption(
            gate=f"{statement.gate.phase}/{statement.gate.attempt}",
            rules=waiver.rules,
            owner=waiver.owner,
            reason=waiver.reason,
            expires=waiver.expires,
        )
        for statement in said
        if (waiver := statement.waiver)
    )


def _choices(app: App, phase: Phase, dossier: Dossier) -> dict[DecisionKind, str]:
    authors = ", ".join(dict.fromkeys(author.role for author in phase.authors))
    onward, needed = _onward(app, phase), phase.gate.quorum
    if needed - approved(dossier.taken) > 1:
        onward = f"one of the {needed} approvals that it takes; then {onward}"
    return {
        DecisionKind.approve: onward,
        DecisionKind.request_changes: f"back to {authors}, who must answer each comment; then a new gate",
        DecisionKind.reject: f"the run ends here; its work stays on the branch {dossier.run.branch}",
        DecisionKind.waive: f"an exception from what blocks goes on record (owner, reason, expiry); then {onward}",
    }


def _onward(app: App, phase: Phase) -> str:
    following = app.flow.phase_ids[app.flow.phase_ids.index(phase.id) + 1 :]
    effects = f"{', '.join(phase.effects)}; then " if phase.effects else ""
    return effects + (f"on to {app.flow.phase(following[0]).id}" if following else "the run is complete")
