"""Texts about a run, the same in every channel."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phasegate.app.app import App
from phasegate.core import PhasegateError
from phasegate.core.formatting import PAST, count, money, stamp
from phasegate.ledger import Decision, Entry, GateKey, GateRecord, GateStatus, Run, Statement
from phasegate.ledger.events import (
    DecisionTaken,
    Escalated,
    Event,
    GateOpened,
    GateVoided,
    Reminded,
    RunEnded,
    RunParked,
    RunStarted,
    WaiverExpired,
)
from phasegate.notifications.notification import Kind, News
from phasegate.reports.artifacts import receipts
from phasegate.reports.gate_card import GateCard, asked_for, followed, gate_card
from phasegate.reports.inbox import Inbox, OpenGate, Subject
from phasegate.workflow import branch
from phasegate.workflow.gates.approvers import POLICY

_VOID = {
    "gate_expired": "it was open for too long, and nothing is approved",
    "revoked": "what was decided was taken back",
    "stale_digest": "what it showed has changed",
    "stale_head": "more happened since it was signed",
    "rules_moved": "its rules, or who may decide, were changed",
    "evidence_moved": "what it showed has changed",
    "branch_moved": "somebody moved the run's branch",
    "not_recorded": "a decision was put there that nobody took",
    "waiver_expired": "an exception before it is over",
}


@dataclass(frozen=True, kw_only=True)
class Story:
    """A run, as of now."""

    app: App
    inbox: Inbox
    run: Run
    events: Sequence[Entry]
    gates: Mapping[GateKey, GateRecord]
    decisions: Sequence[Decision]
    subject: Subject
    waiting: OpenGate | None = None
    """Its open gate."""

    @property
    def title(self) -> str:
        """Return the run's title."""
        return self.subject.title

    def link(self, gate: GateKey | None = None) -> str:
        """Return the page's address of the run or of one of its gates, or an empty string where there is no address."""
        base = self.app.config.mirror.link.rstrip("/")
        return f"{base}/gates/{gate}" if base and gate else f"{base}/runs/{self.run.id}" if base else ""

    def how(self, gate: GateKey | None = None) -> str:
        """Return the page's address, or else the command that shows the run."""
        return self.link(gate) or (f"phasegate gate {gate}" if gate else f"phasegate status {self.run.id}")

    def is_open(self, gate: GateKey) -> bool:
        """Return whether the gate is open."""
        found = self.gates.get(gate)
        return found is not None and found.status is GateStatus.open

    def gate_name(self, gate: GateKey) -> str:
        """Return the gate's name in the workflow."""
        name = self.app.flow.phase(gate.phase).gate.name if gate.phase in self.app.flow.phase_ids else gate.phase
        return f"{name}, attempt {gate.attempt}" if gate.attempt > 1 else name

    def said(self, news: News) -> Statement | None:
        """Return the decision in words."""
        if not isinstance(news.event, DecisionTaken):
            return None
        own = (news.gate, news.event.by)
        return next((d.statement for d in self.decisions if (d.statement.gate, d.statement.by) == own), None)

    def headline(self, news: News) -> str:
        """Return a line."""
        match news.what:
            case Kind.started:
                return f"{self.title}: begun"
            case Kind.parked:
                return f"{self.title}: stands, and waits for a person"
            case Kind.released:
                return f"{self.title}: released{f' as {self.version}' if self.version else ''}"
            case Kind.rejected:
                return f"{self.title}: rejected"
            case _:
                return f"{self.title}: {self._at_gate(news)}"

    def _at_gate(self, news: News) -> str:
        assert news.gate
        name = self.gate_name(news.gate)
        match news.what:
            case Kind.gate:
                return f"{name} waits for a decision"
            case Kind.decided:
                return f"{name} {_outcome(news.event)}"
            case Kind.void:
                return f"{name} is void"
            case Kind.lapsed:
                return "an exception is over"
            case _:
                return f"{name} still waits"

    def details(self, news: News) -> list[str]:
        """Return further sentences as plain text."""
        match news.event:
            case RunStarted():
                by = f" Begun by {self.run.by}." if self.run.by else ""
                return [self.subject.what, f"Spec: {self.run.spec}. Run: {self.run.id}.{by}"]
            case GateOpened():
                return self._asks()
            case DecisionTaken():
                statement = self.said(news)
                return asked_for(statement) if statement else []
            case GateVoided(reason=reason):
                return [f"{_VOID.get(reason, reason).capitalize()}."]
            case RunParked(why=why, fix=fix):
                return [f"{why}.", *([f"What to do: {fix}"] if fix else [])]
            case WaiverExpired() as over:
                return [f"{', '.join(over.rules)}: excused until {over.expires} by {over.owner}; it stands again."]
            case Reminded(to=to) | Escalated(to=to):
                return self._waits_for(to, news)
            case RunEnded(status="released"):
                return self._released()
            case _:
                return [f"Its work stays on the branch {self.run.branch}."]

    def where(self, news: News) -> str:
        """Return where a person decides, if there is something to decide."""
        return f"Decide: {self.how(news.gate)}" if news.what in (Kind.gate, Kind.reminder, Kind.escalated) else ""

    def called(self, names: Sequence[str]) -> list[str]:
        """The users in Slack of these managers, as far as they are mapped."""
        return [row.slack for row in self.app.config.managers if row.slack and row.name in names]

    async def links(self) -> list[tuple[str, str]]:
        """Title and address of the run's page, and of where it is followed besides."""
        page = [("Open", self.link())] if self.link() else []
        return [*page, *((each.says, each.url) for each in await followed(self.app, self.run.id))]

    def _waits_for(self, names: Sequence[str], news: News) -> list[str]:
        ends = self.waiting.expires_at if self.waiting and self.waiting.gate.key == news.gate else None
        until = f" It is open until {stamp(ends, self.app.config.mirror.zone)}." if ends else ""
        return [f"It waits for {', '.join(names) or 'nobody'}.{until}"]

    @property
    def version(self) -> str:
        """`acme-runbooks 0.2.0`, where it was published."""
        version = receipts(self.events).get("publish", {}).get("version")
        return f"{self.app.config.project.name} {version}" if version else ""

    def _asks(self) -> list[str]:
        row = self.waiting
        if row is None:
            return []
        findings = f"{count(len(row.findings), 'finding')}, {row.blocking} blocking" if row.findings else "no findings"
        risk = f"{row.subject.risk} risk{', destructive' if row.subject.destructive else ''}"
        cost = f"; {row.cost.says}" if row.cost.models or row.cost.usd_so_far else ""
        return [f"{risk}; {findings}{cost}."]

    async def card(self, gate: GateKey) -> GateCard:
        """Return the card of a gate for a channel."""
        return await gate_card(self.app, self.inbox, self.gates[gate], self.app.config.mirror.link.rstrip("/"))

    def _released(self) -> list[str]:
        found = receipts(self.events).get("smoke", {})
        if "findings" not in found:
            return [f"What it saves is unknown: it was not tried against an account. See: {self.how()}"]
        saves = money(float(str(found["cost_per_month"]))) if "cost_per_month" in found else "unknown"
        number = int(str(found["findings"]))
        return [
            f"Tried once after installing: {count(number, 'finding')}; they cost {saves} a month. See: {self.how()}"
        ]


def _outcome(event: Event) -> str:
    """`approved by ada`, or `passed by the policy 'demo'`."""
    assert isinstance(event, DecisionTaken)
    policy = event.by.removeprefix(POLICY)
    return f"{PAST[event.decision]} by {policy}" if policy == event.by else f"passed by the policy '{policy}'"


async def story_of(app: App, inbox: Inbox, run_id: str) -> Story:
    """A run with all that is told of it."""
    run = await app.ledger.run(run_id)
    gates = {gate.key: gate for gate in await app.ledger.gates(run.id)}
    opened = next((gate for gate in gates.values() if gate.status is GateStatus.open), None)
    return Story(
        app=app,
        inbox=inbox,
        run=run,
        events=await app.ledger.events(run.id),
        gates=gates,
        decisions=await app.ledger.decisions(run.id),
        subject=await asyncio.to_thread(_subject, app, inbox, run),
        waiting=await inbox.look(opened) if opened else None,
    )


def _subject(app: App, inbox: Inbox, run: Run) -> Subject:
    commit = app.workspace.tip(branch(run.id))
    if commit:
        return inbox.subject(commit, app.workspace.tree_id(commit), run.spec)
    try:
        return inbox.described(app.folder.read(run.spec), run.spec)  # as it lies there: nothing is written yet
    except PhasegateError:
        return inbox.described({}, run.spec)
