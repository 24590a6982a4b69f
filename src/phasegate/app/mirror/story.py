"""What is to be told of a run, in words: the same at every place."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phasegate.app.app import App
from phasegate.app.gate_card import GateCard, asked_for, gate_card
from phasegate.app.inbox import Inbox, Subject, Waiting
from phasegate.app.mirror.news import News, What
from phasegate.app.words import PAST, count
from phasegate.core import PhasegateError
from phasegate.ledger import Decision, Event, GateKey, GateRecord, GateStatus, Run, Statement
from phasegate.workflow import branch
from phasegate.workflow.approvers import POLICY

_VOID = {
    "gate_expired": "it was open for too long, and nothing is approved",
    "revoked": "what was decided was taken back",
    "stale_digest": "what it showed has changed",
    "waiver_expired": "an exception before it is over",
}


@dataclass(frozen=True, kw_only=True)
class Story:
    """A run, as of now."""

    app: App
    inbox: Inbox
    run: Run
    events: Sequence[Event]
    gates: Mapping[GateKey, GateRecord]
    decisions: Sequence[Decision]
    subject: Subject
    waiting: Waiting | None = None
    """Its open gate."""

    @property
    def title(self) -> str:
        """What the run is about."""
        return self.subject.title

    def link(self, gate: GateKey | None = None) -> str:
        """The page of the run, or of one of its gates; empty where nobody can reach one."""
        base = self.app.config.mirror.link.rstrip("/")
        return f"{base}/gates/{gate}" if base and gate else f"{base}/runs/{self.run.id}" if base else ""

    def how(self, gate: GateKey | None = None) -> str:
        """Where a person looks: the page, or else the command."""
        return self.link(gate) or (f"phasegate gate {gate}" if gate else f"phasegate status {self.run.id}")

    def is_open(self, gate: GateKey) -> bool:
        """Whether that gate waits for a decision now."""
        found = self.gates.get(gate)
        return found is not None and found.status is GateStatus.open

    def gate_name(self, gate: GateKey) -> str:
        """What the workflow calls the gate."""
        name = self.app.flow.phase(gate.phase).gate.name if gate.phase in self.app.flow.phase_ids else gate.phase
        return f"{name}, attempt {gate.attempt}" if gate.attempt > 1 else name

    def said(self, news: News) -> Statement | None:
        """What a person decided, of the news of a decision."""
        by = news.event.body["by"]
        found = (d.statement for d in self.decisions if d.statement.gate == news.gate and d.statement.by == by)
        return next(found, None)

    def headline(self, news: News) -> str:
        """One line."""
        match news.what:
            case What.started:
                return f"{self.title}: begun"
            case What.parked:
                return f"{self.title}: stands, and waits for a person"
            case What.released:
                return f"{self.title}: released{f' as {self.version}' if self.version else ''}"
            case What.rejected:
                return f"{self.title}: rejected"
            case _:
                return f"{self.title}: {self._at_gate(news)}"

    def _at_gate(self, news: News) -> str:
        assert news.gate
        name = self.gate_name(news.gate)
        match news.what:
            case What.gate:
                return f"{name} waits for a decision"
            case What.decided:
                return f"{name} {self.outcome(news)}"
            case What.void:
                return f"{name} is void"
            case What.lapsed:
                return "an exception is over"
            case _:
                return f"{name} still waits"

    def outcome(self, news: News) -> str:
        """`approved by ada`, or `passed by the policy 'demo'`."""
        by, past = str(news.event.body["by"]), PAST[str(news.event.body["decision"])]
        return f"passed by the policy '{by.removeprefix(POLICY)}'" if by.startswith(POLICY) else f"{past} by {by}"

    def details(self, news: News) -> list[str]:
        """What more there is to say, a sentence each; plain text."""
        body = news.event.body
        match news.what:
            case What.started:
                by = f" Begun by {self.run.by}." if self.run.by else ""
                return [self.subject.what, f"Spec: {self.run.spec}. Run: {self.run.id}.{by}"]
            case What.gate:
                return [*self._asks(), f"Decide: {self.how(news.gate)}"]
            case What.decided:
                statement = self.said(news)
                return asked_for(statement) if statement else []
            case What.void:
                return [f"{_VOID.get(str(body.get('reason')), str(body.get('reason', ''))).capitalize()}."]
            case What.parked:
                return [f"{body['why']}.", *([f"What to do: {body['fix']}"] if body.get("fix") else [])]
            case What.lapsed:
                return [
                    f"{', '.join(body['rules'])}: excused until {body['expires']} by {body['owner']}; it stands again."
                ]
            case What.reminder | What.escalated:
                return [f"It waits for {', '.join(body['to']) or 'nobody'}. Decide: {self.how(news.gate)}"]
            case What.released:
                return self._released()
            case What.rejected:
                return [f"Its work stays on the branch {self.run.branch}."]

    @property
    def version(self) -> str:
        """`acme-runbooks 0.2.0`, where it was published."""
        version = self._effects.get("publish", {}).get("version")
        return f"{self.app.config.project.name} {version}" if version else ""

    @property
    def _effects(self) -> Mapping[str, Mapping[str, object]]:
        return {event.place[-1]: event.body for event in self.events if event.kind == "effect"}

    def _asks(self) -> list[str]:
        row = self.waiting
        if row is None:
            return []
        findings = f"{count(len(row.findings), 'finding')}, {row.blocking} blocking" if row.findings else "no findings"
        risk = f"{row.subject.risk} risk{', destructive' if row.subject.destructive else ''}"
        return [f"{risk}; {findings}; {row.cost.says}."]

    async def card(self, gate: GateKey) -> GateCard:
        """One of its gates, for a channel."""
        return await gate_card(self.app, self.inbox, self.gates[gate], self.app.config.mirror.link.rstrip("/"))

    def _released(self) -> list[str]:
        found = self._effects.get("smoke", {})
        seen = f"Tried once after installing: {found['findings']} findings." if "findings" in found else ""
        return [line for line in (seen, f"See: {self.how()}") if line]


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
