"""A gate as a manager sees it in every channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from phasegate import core, ledger
from phasegate.app.app import App
from phasegate.core import UsageError
from phasegate.core.report import Report, Timestamp
from phasegate.ledger import DecisionKind, Entry, GateHistory, GateRecord, GateStatus, Run, of_kind
from phasegate.ledger.events import DecisionTaken, Drafted, GateOpened, Judgement
from phasegate.reports.approvals import approvals, approved
from phasegate.reports.cost import Cost, cost_of
from phasegate.reports.decisions import Decision, Said
from phasegate.reports.external_links import ManualChange, by_hand
from phasegate.reports.findings import Finding, SentBack, reported, rework_of
from phasegate.reports.forecast import Forecast, forecast_at
from phasegate.reports.questions import Question, questions_at
from phasegate.reports.spend import Spend, spent_by_run
from phasegate.team import Phase
from phasegate.tool_access.requests import ServerRequest, ToolRequest, waits
from phasegate.workflow import findings_of, latest_reports
from phasegate.workspace import Change, changes


class Evidence(Report):
    """Evidence and findings of a check or reviewer."""

    by: str
    kind: str
    """`check` or `review`."""
    saw: str
    findings: int
    seconds: float


class Answer(Report):
    """An author's answer to one of the manager's comments."""

    comment: str
    """With its place in front, as the author was given it."""
    by: str
    text: str


class Exemption(Report):
    """A waiver that an earlier gate of the run was passed with: what it excuses is still not mended."""

    gate: str
    rules: tuple[str, ...]
    owner: str
    reason: str
    expires: str


class FileChange(Report):
    """A file that differs from what was approved before."""

    path: str
    kind: Literal["added", "changed", "removed"]
    added: int
    """Number of added lines."""
    removed: int
    """Number of removed lines."""
    hidden: int
    """Number of invisible or direction-changing characters in the name and the new content."""
    lines: tuple[str, ...]
    """A unified difference, each line with its mark, invisible characters made visible."""


class Gate(Report):
    """A gate, with everything that a decision needs."""

    gate: str
    """`RUN/PHASE/ATTEMPT`."""
    name: str
    spec: str
    """The spec's folder, from the top of the repository."""
    status: GateStatus
    digest: str
    """Binds the tree, earlier decisions, the workflow and the findings; a decision names it."""
    commit: str
    tree: str
    since: str
    """The commit that was approved last."""
    opened_at: Timestamp
    expires_at: Timestamp | None
    reauthenticate: bool
    """Whether a decision asks for the passphrase anew."""
    approvers: tuple[str, ...]
    quorum: int
    """Number of different people who must approve."""
    said: tuple[Said, ...]
    """Decisions so far that were not taken back; several where the quorum is above one."""
    compared: str
    """Baseline of the changes: the last approval, the last release, or nothing yet."""
    changes: tuple[FileChange, ...]
    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]
    questions: tuple[Question, ...]
    """Open questions of the spec, which a request for changes can answer."""
    answers: tuple[Answer, ...]
    rework: tuple[SentBack, ...]
    """Faults and findings for which authors were asked again before this gate."""
    exemptions: tuple[Exemption, ...]
    """Waivers that earlier gates of the run were passed with."""
    decision: Decision | None
    cost: Cost
    forecast: Forecast | None
    """What model calls are to come after this gate; null: none are."""
    tools: tuple[ToolRequest, ...]
    """Tools that this phase could not call and that wait for a manager's grant."""
    by_hand: tuple[ManualChange, ...]
    """Changes that people made to the run's ticket since the decision before."""
    changed: tuple[str, ...]
    """Rules, people and branch that differed when the gate opened from when the run began."""
    moved: str
    """Why the gate is out of date, so that nothing is decided on it; empty where it is not."""
    choices: dict[DecisionKind, str]
    """Outcome of each decision."""


@dataclass(frozen=True, kw_only=True)
class GateView:
    """A gate, with everything that a decision needs."""

    run: Run
    gate: GateRecord
    phase: Phase
    changes: tuple[Change, ...]
    """The whole difference from what a person approved before; at a first gate the whole spec."""
    compared: str
    """What the difference is from: `since the last approval`, or `to approve for the first time, shown whole`."""
    findings: tuple[core.Finding, ...]
    evidence: tuple[Evidence, ...]
    questions: tuple[Question, ...]
    """Open questions of the spec, which a request for changes can answer."""
    answers: tuple[Answer, ...]
    rework: tuple[SentBack, ...]
    """Faults and findings for which authors were asked again before this gate."""
    exemptions: tuple[Exemption, ...]
    """Waivers of earlier gates, which this gate's findings need not show any more."""
    expires_at: datetime | None
    decision: ledger.Decision | None
    said: tuple[ledger.Decision, ...]
    """What people said here so far, and did not take back; more than one where it asks for several approvals."""
    cost: Cost
    forecast: Forecast | None
    """What model calls are to come after it; None: none are, or nothing is decided here any more."""
    by_hand: tuple[ManualChange, ...]
    """What people did to the run's ticket since the decision before; data, and never a decision."""
    tools: tuple[ServerRequest, ...]
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
    def blocking(self) -> list[core.Finding]:
        """The findings that keep it from being approved."""
        return [finding for finding in self.findings if finding.blocking]

    @property
    def missing(self) -> int:
        """Number of approvals that are missing."""
        return max(0, self.quorum - approved(self.said))

    def said_by(self, name: str) -> ledger.Decision | None:
        """Return that person's decision here, or None."""
        return next((decision for decision in self.said if decision.statement.by == name), None)

    def approvals(self, now: datetime) -> str:
        """Return the approvals in words, or an empty string where one approval is enough or none counts any more."""
        void = self.gate.status is GateStatus.void
        return "" if void else approvals(self.said, self.quorum, now)

    def report(self) -> Gate:
        """Return the gate for programs."""
        found = {
            "gate": str(self.gate.key),
            "name": self.phase.gate.name,
            "spec": self.run.spec,
            "reauthenticate": self.phase.gate.reauthenticate,
            "approvers": self.phase.gate.approvers,
            "said": tuple(map(Said.of, self.said)),
            "findings": reported(self.findings),
            "decision": self.decision and Decision.of(self.decision),
            "tools": tuple(asked for wait in self.tools for asked in wait.tools),
        }
        found |= {name: getattr(self.gate, name) for name in _OF_RECORD}
        return Gate.model_validate(found | {name: getattr(self, name) for name in _OF_VIEW})


_OF_RECORD = ("status", "digest", "commit", "tree", "since", "opened_at")
_OF_VIEW = (
    *("expires_at", "quorum", "compared", "changes", "evidence", "questions", "answers", "rework", "exemptions"),
    *("cost", "by_hand", "changed", "forecast", "moved", "choices"),
)


async def find_gate(app: App, name: str) -> GateRecord:
    """Return the gate `RUN/PHASE/ATTEMPT`, by default the last attempt and the open phase.

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
    opened = dossier.opened
    spent = await spent_by_run(app.database, [key.run])
    moved = app.keeper.moved(dossier) if gate.status is GateStatus.open else None
    expires = phase.gate.expires_after
    return GateView(
        run=dossier.run,
        gate=gate,
        phase=phase,
        changes=tuple(changes(before.files, app.workspace.tree(gate.commit))),
        compared=before.says,
        findings=tuple(findings_of(dossier.reports, key.phase, key.attempt)),
        evidence=tuple(map(_evidence, latest_reports(dossier.reports, key.phase, key.attempt))),
        questions=questions_at(app, gate, dossier.run.spec),
        answers=_answers(dossier),
        rework=rework_of(dossier.events, key.phase, key.attempt),
        exemptions=_exemptions(dossier),
        expires_at=gate.opened_at + expires if expires else None,
        decision=dossier.decision,
        said=dossier.taken,
        cost=cost_of(spent.get(key.run, Spend()), app.flow, phase, app.team.cards),
        forecast=await forecast_at(app, gate) if gate.status is GateStatus.open else None,
        tools=tuple(await waits(app, key.run, key.phase)),
        by_hand=tuple(by_hand(_meanwhile(dossier))),
        choices=_choices(app, phase, dossier),
        quorum=opened.binds.quorum if opened else phase.gate.quorum,
        changed=opened.changed if opened else (),
        moved=moved.says if moved else "",
    )


def _meanwhile(dossier: GateHistory) -> list[Entry]:
    """Return the events between the decision before the gate and the next gate."""
    opened = {entry.seq: entry.event for entry in dossier.events if isinstance(entry.event, GateOpened)}
    decided = [entry.seq for entry in dossier.events if isinstance(entry.event, DecisionTaken)]
    own = next((seq for seq, event in opened.items() if event is dossier.opened), 0)
    before = max((seq for seq in decided if seq < own), default=0)
    after = next((seq for seq in opened if seq > own), len(dossier.events) + 1)
    return [entry for entry in dossier.events if before < entry.seq < after]


def _evidence(report: Judgement) -> Evidence:
    return Evidence(
        by=report.name, kind=report.kind, saw=report.saw, findings=len(report.findings), seconds=report.seconds
    )


def _answers(dossier: GateHistory) -> tuple[Answer, ...]:
    first = (dossier.key.phase, dossier.key.attempt, 1)
    return tuple(
        Answer(comment=comment, by=draft.author, text=text)
        for draft in of_kind(dossier.events, Drafted)
        if (draft.phase, draft.attempt, draft.round) == first
        for comment, text in draft.answers
    )


def _exemptions(dossier: GateHistory) -> tuple[Exemption, ...]:
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


def _choices(app: App, phase: Phase, dossier: GateHistory) -> dict[DecisionKind, str]:
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


@dataclass(frozen=True, kw_only=True)
class Approved:
    """Files that a person approved before, and a phrase for what was approved."""

    files: Mapping[str, bytes]
    says: str
    """Completes "Changes …": `since the last approval`."""


async def approved_before(app: App, dossier: GateHistory, gate: GateRecord) -> Approved:
    """Return what a person approved before the gate.

    After the first gate that is the tree of the gate before. At the first gate nobody has approved anything of this
    run, and a spec that was merely committed is not approved by that: its folder counts as approved only as far as
    an earlier run of it was released. Otherwise whoever approves would sign lines that were never on the screen.
    """
    files = app.workspace.tree(gate.since)
    if gate.key.phase != app.flow.phase_ids[0]:
        return Approved(files=files, says="since the last approval")
    folder = f"{dossier.run.spec}/"
    rest = {path: files[path] for path in files if not path.startswith(folder)}
    released = await app.ledger.last_released(dossier.run.spec, gate)
    if released is None:
        return Approved(files=rest, says="to approve for the first time, shown whole")
    last = app.workspace.tree((await app.ledger.gates(released.id))[-1].commit)
    spec = {path: last[path] for path in last if path.startswith(folder)}
    return Approved(files={**rest, **spec}, says=f"since run {released.id} was released")
