"""The gates that wait for a person, with what tells them where to begin."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from phasegate.app.app import App
from phasegate.core import Finding, PhasegateError
from phasegate.core.report import Report, Timestamp
from phasegate.ledger import GateRecord, GateRow, Run
from phasegate.reports.approvals import approved, count_approvals
from phasegate.reports.cost import Cost, cost_of
from phasegate.reports.spend import Spend, spent_by_run
from phasegate.store import Database
from phasegate.team import Card, Phase
from phasegate.workflow import Approvers, Gatekeeper, findings_of

_REMEMBERED = 512


class WaitingGate(Report):
    """A gate that waits for a person."""

    gate: str
    """`RUN/PHASE/ATTEMPT`."""
    spec: str
    """The spec's folder, from the top of the repository."""
    digest: str
    opened_at: Timestamp
    name: str
    """Of the gate, such as `spec review`."""
    title: str
    """Of the spec."""
    risk: str
    """Severity of the runbook; `unknown` where it cannot be read."""
    destructive: bool
    findings: int
    blocking: int
    """Findings that keep the gate from being approved."""
    expires_at: Timestamp | None
    cost: Cost
    approvers: tuple[str, ...]
    """Names of the people who may decide."""
    quorum: int
    """Number of different people who must approve."""
    approved: int
    """Number of approvals so far."""
    broken: str
    """Why the run's record does not hold; empty where it does."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The subject of a spec in one tree."""

    title: str
    what: str
    """What is wanted, in the spec's own words; may be empty."""
    risk: str
    """The runbook's own severity; `unknown` where it cannot be read."""
    destructive: bool


@dataclass(frozen=True, kw_only=True)
class OpenGate:
    """A gate that waits."""

    gate: GateRecord
    run: Run
    phase: Phase
    subject: Subject
    findings: tuple[Finding, ...]
    expires_at: datetime | None
    cost: Cost
    approvers: tuple[str, ...]
    """Names of the people who may decide."""
    approved: int
    """How many approvals it has so far."""
    broken: str = ""
    """Why the run's record does not hold; nothing is decided then."""

    @property
    def approvals(self) -> str:
        """Approvals as `1 of 2 approvals`, or an empty string where one is enough."""
        return count_approvals(self.approved, self.phase.gate.quorum)

    @property
    def blocking(self) -> int:
        """Number of findings that keep the gate from being approved."""
        return sum(finding.blocking for finding in self.findings)

    def report(self) -> WaitingGate:
        """Return the row for programs."""
        return WaitingGate(
            gate=str(self.gate.key),
            spec=self.run.spec,
            digest=self.gate.digest,
            opened_at=self.gate.opened_at,
            name=self.phase.gate.name,
            title=self.subject.title,
            risk=self.subject.risk,
            destructive=self.subject.destructive,
            findings=len(self.findings),
            blocking=self.blocking,
            expires_at=self.expires_at,
            cost=self.cost,
            approvers=self.approvers,
            quorum=self.phase.gate.quorum,
            approved=self.approved,
            broken=self.broken,
        )


def oldest_first(gate: GateRecord) -> tuple[int | str, ...]:
    """Return the key by which a list of gates is sorted and paged."""
    return int(gate.opened_at.timestamp()), *gate.key


class Quorum(NamedTuple):
    """The number of approvals that a gate has and needs."""

    approved: int
    quorum: int

    @property
    def says(self) -> str:
        """Return `1 of 2 approvals`, or an empty string where one is enough."""
        return count_approvals(self.approved, self.quorum)


async def quorum_of(app: App, gate: GateRecord) -> Quorum:
    """Return how many approvals a gate has and needs, without a query where one is enough."""
    needed = app.flow.phase(gate.key.phase).gate.quorum
    return Quorum(approved(await app.ledger.taken(gate.key)) if needed > 1 else 0, needed)


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """Reader of open gates that remembers the subjects of trees."""

    keeper: Gatekeeper
    cards: Mapping[str, Card]
    """Of the team, by role."""
    database: Database
    _known: dict[tuple[str, str], Subject] = field(default_factory=dict)

    async def waiting(self, offset: int = 0, limit: int = 50) -> tuple[list[OpenGate], int]:
        """Gates that wait, the oldest first, and how many there are in all."""
        found, total = await self.keeper.ledger.waiting(offset, limit)
        spent = await spent_by_run(self.database, [look.run.id for look in found])
        register, now = self.keeper.register(), self.keeper.clock.now()
        return [self._row(look, spent.get(look.run.id, Spend()), register, now) for look in found], total

    async def look(self, gate: GateRecord) -> OpenGate:
        """Return the gate with its subject and approvals."""
        dossier = await self.keeper.ledger.dossier(gate.key)
        look = GateRow(gate=gate, run=dossier.run, reports=dossier.reports, taken=dossier.taken)
        spent = await spent_by_run(self.database, [gate.key.run])
        return self._row(look, spent.get(gate.key.run, Spend()), self.keeper.register(), self.keeper.clock.now())

    def _row(self, look: GateRow, spent: Spend, register: Approvers, now: datetime) -> OpenGate:
        gate, phase = look.gate, self.keeper.flow.phase(look.gate.key.phase)
        expires = phase.gate.expires_after
        return OpenGate(
            gate=gate,
            run=look.run,
            phase=phase,
            subject=self.subject(gate.commit, gate.tree, look.run.spec),
            findings=tuple(findings_of(look.reports, phase.id, gate.key.attempt)),
            expires_at=gate.opened_at + expires if expires else None,
            cost=cost_of(spent, self.keeper.flow, phase, self.cards),
            approvers=tuple(register.approvers(phase, gate, now)),
            approved=approved(look.taken),
            broken=look.broken,
        )

    def subject(self, commit: str, tree: str, spec: str) -> Subject:
        """Return the spec's subject in that commit's tree."""
        key = (tree, spec)
        if key not in self._known:
            while len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = self.described(self.keeper.workspace.tree(commit), spec)
        return self._known[key]

    def described(self, files: Mapping[str, bytes], spec: str) -> Subject:
        """Return the spec's subject in these files."""
        from phasegate.spec import read_spec  # reading Markdown is needed here alone

        try:
            read = read_spec(files, spec)
            title, what = read.title, read.what
        except PhasegateError:
            title, what = spec.rpartition("/")[2], ""
        try:
            severity, destructive = self.keeper.surroundings.risk(files, spec)
        except (PhasegateError, KeyError, UnicodeDecodeError):
            return Subject(title=title, what=what, risk="unknown", destructive=False)
        return Subject(title=title, what=what, risk=severity.value, destructive=destructive)
