"""Opens gates, and takes decisions from the store when a run goes on."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Literal, Protocol

from phasegate.core import Clock, Finding, PhasegateError, Refused, Severity, digest
from phasegate.ledger import (
    STATEMENT,
    Decision,
    DecisionKind,
    Dispatch,
    Envelope,
    Event,
    GateHistory,
    GateKey,
    GateRecord,
    GateStatus,
    Ledger,
    Opening,
    OpenResult,
    PrivateKey,
    PublicKey,
    Run,
    Signer,
    Statement,
    Waiver,
    approvals,
    seal,
)
from phasegate.ledger.events import Binds, DecisionTaken, GateOpened, GateVoided, PolicyRefused, Starter, Terms
from phasegate.ledger.signing.intoto import RUN_START, statement
from phasegate.team import Flow, Phase
from phasegate.team.policy import GatePolicy
from phasegate.workflow.branches import put_back
from phasegate.workflow.gates.approvers import POLICY, Approvers, Credentials, Manager, expired
from phasegate.workflow.gates.binding import BRANCH, begun, moved, people, rules, since_begun, void
from phasegate.workflow.gates.passage import Passage
from phasegate.workflow.reports import findings_in
from phasegate.workflow.state import RunState, branch
from phasegate.workspace import Workspace

Consumed = Literal["approve", "waive", "request-changes", "reject", "ask", "void"]


class PolicyFacts(Protocol):
    """Facts for a policy's conditions, read anew at every gate."""

    @property
    def demo_workspace(self) -> bool:
        """Return whether the workspace was made for the demonstration."""
        ...

    @property
    def loopback_endpoint(self) -> bool:
        """Return whether the AWS endpoint is on this machine."""
        ...

    @property
    def loopback_index(self) -> bool:
        """Return whether packages are published on this machine."""
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
    surroundings: PolicyFacts
    system: PrivateKey
    """Signs events, and what a policy passes; never taken for a person's."""
    past_keys: Callable[[str], Sequence[PublicKey]] = lambda _: ()
    """Keys that a person had by a version of the root."""
    roots: Callable[[], Sequence[str]] = tuple
    """Digests of the versions of the repository's root, in order; none where it has no root that counts."""
    agents: Collection[str] = ()
    """Names of the cards of agents, who can never decide."""
    clock: Clock
    proven: set[tuple[str, str]] = field(default_factory=set, compare=False, repr=False)
    """Runs with phases whose passage was proven."""

    async def open(self, state: RunState, phase: Phase) -> OpenResult:
        """Open the gate on the current tree, which a policy may pass at once."""
        key = GateKey(state["run"], phase.id, state["attempt"])
        return await self.ledger.open_gate(key, partial(self._opening, state["commit"], state["since"]))

    def terms(self, run: Run) -> Terms:
        """Return the rules that a run begins under, which a gate compares with its own."""
        policy = digest(self.policy(run.policy).model_dump(mode="json")) if run.policy else ""
        first = next(iter(self.roots()), "")
        return Terms(shape=self.flow.shape, policy_digest=policy, root=first, **begun(self.flow, self.managers()))

    def starter(self, run: Run, who: Credentials, signer: Signer | None) -> Starter:
        """Return who starts a run, with what they signed of it.

        Raises:
            Refused: `bad_signature`, where it is not the key of the manager of that name.
        """
        manager = self.managers().get(who.name)
        key = manager.public_key.key_id if manager else ""
        if signer is None:
            return Starter(name=who.name, key=key, channel=who.channel)
        if signer.key_id != key:
            raise Refused(f"this is not the key of '{who.name}'", reason="bad_signature", fix="sign with your own key")
        said = {"run": run.id, "spec": run.spec, "by": who.name, "at": int(run.started_at.timestamp())}
        envelope = seal(STATEMENT, statement(RUN_START, {run.id: {"gitCommit": run.base}}, said), signer)
        return Starter(name=who.name, key=key, channel=who.channel, envelope=envelope.as_json())

    def moved(self, dossier: GateHistory) -> GateVoided | None:
        """Return why what an opened gate showed is not true any more, or None.

        Raises:
            Refused: `commit_missing`, where what it showed is not in the repository; `root_other`.
        """
        gate, key = dossier.gate, dossier.key
        if gate is None:
            return None
        self._refuse_other_root(dossier)
        tip = self.workspace.tip(branch(key.run))
        # A branch that is missing is made again from the record; one that is elsewhere holds commits of somebody, who
        # is told.
        if tip not in ("", gate.commit):
            place = f"branch '{branch(key.run)}' is at {tip[:12]}, and the record says {gate.commit[:12]}"
            return void(gate, BRANCH, place)
        now = self._binds(dossier, gate.commit, gate.since, findings_in(dossier), dossier.before)
        return moved(self.flow.phase(key.phase), gate, dossier.opened, now, self.roots())

    def _refuse_other_root(self, dossier: GateHistory) -> None:
        """Refuse a run that began under the root of another repository, or under one that was put aside since.

        Raises:
            Refused: `root_other`.
        """
        terms = dossier.started.terms if dossier.started else None
        first = next(iter(self.roots()), "")
        if terms and terms.root not in ("", first):
            raise Refused(
                f"run '{dossier.key.run}' began under root {terms.root}, and the root here is {first or 'none'}",
                reason="root_other",
                fix="put the root back that was known here: 'phasegate trust show'",
            )

    async def replace(self, gate: GateRecord, gone: GateVoided, dispatch: Dispatch) -> GateKey:
        """Void a gate whose content is outdated, open another, and return its key.

        The run goes on from the next decision as from any: what it finds void, and opened again, it steps over.
        """
        opening = partial(self._opening, gate.commit, gate.since)
        await self.ledger.replace_gate(gate.key, gone, opening, dispatch)
        return gate.key._replace(attempt=gate.key.attempt + 1)

    def _opening(self, commit: str, since: str, dossier: GateHistory) -> Opening:
        findings, key = findings_in(dossier), dossier.key
        self._refuse_other_root(dossier)
        # Graph state is a file that whoever has the disk can edit. The signed decisions say where a run really is.
        self.passage.require(dossier, self.earlier(key.phase))
        # A commit proves nothing about who made it, so what lies on the branch beside ours is kept aside and never
        # built on.
        kept = put_back(self.workspace, key.run, commit)
        binds = self._binds(dossier, commit, since, findings, dossier.last)
        gate = GateRecord(
            key=key,
            status=GateStatus.open,
            commit=commit,
            tree=binds.tree,
            since=since,
            digest=binds.digest,
            opened_at=self.clock.now(),
        )
        opened = GateOpened(
            phase=key.phase,
            attempt=key.attempt,
            binds=binds,
            rules=rules(self.flow.phase(key.phase).gate),
            opened_at=int(gate.opened_at.timestamp()),
            blocking=sum(finding.blocking for finding in findings),
            changed=self._changed(dossier, kept),
        )
        decision, events = self._ask_policy(dossier.run, gate, findings)
        return Opening(gate, decision, [opened, *events])

    def _changed(self, dossier: GateHistory, kept: str) -> tuple[str, ...]:
        """Return the changes since the run began that the gate shows."""
        terms = dossier.started.terms if dossier.started else None
        changed = since_begun(self.flow.phase(dossier.key.phase), self.managers(), terms) if terms else []
        foreign = [f"commits on the run's branch that are not its own lie under {kept}"] if kept else []
        return (*changed, *foreign)

    async def consume(self, state: RunState, phase: Phase) -> Consumed:
        """Return the decision to consume, `ask` without one, or `void` where the gate must be opened anew."""
        key = GateKey(state["run"], phase.id, state["attempt"])
        return await self.ledger.consume(key, partial(self._verdict, state, phase))

    def _verdict(self, state: RunState, phase: Phase, dossier: GateHistory) -> tuple[Consumed, GateVoided | None]:
        gate, decision = dossier.gate, dossier.decision
        if gate is None or gate.status is GateStatus.void:
            return "void", None
        # Nothing is approved by waiting: an expired gate is void, and the next attempt shows everything again (decision
        # 0006).
        if decision is None and expired(gate, phase, self.latest(dossier)):
            return "void", void(gate, "gate_expired")
        if decision is None:
            gone = self.moved(dossier)
            return "void" if gone else "ask", gone
        reason = self._objection(dossier, gate, state, phase)
        gone = None if reason else self.moved(dossier)
        if reason or gone:
            return "void", gone or void(gate, reason)
        return decision.statement.kind.value, None

    def _objection(self, dossier: GateHistory, gate: GateRecord, state: RunState, phase: Phase) -> str:
        """Return why a decision cannot be consumed now, after asking anew who may decide and what a policy needs."""
        now = self.clock.now()
        # The digest is compared for each decision of a quorum: one row could have been exchanged after it was taken.
        if gate.commit != state["commit"] or any(d.statement.digest != gate.digest for d in dossier.taken):
            return "stale_digest"
        said = dossier.decision.statement if dossier.decision else None
        if said and said.kind.passes and expired_waiver((*dossier.passed, *dossier.taken), self.latest(dossier).date()):
            return "waiver_expired"
        register = self.register()
        reasons = [register.refusal(decision, phase, dossier, now) for decision in dossier.taken]
        if said and said.kind.passes and not said.by.startswith(POLICY):
            # Where several persons decide, one who was removed since costs their own vote, and the others still count.
            return self._too_few(dossier, phase, reasons)
        return reasons[-1] or self._policy_objection(dossier, gate) or _untold(dossier)

    def _too_few(self, dossier: GateHistory, phase: Phase, reasons: Sequence[str]) -> str:
        counted = [d for d, reason in zip(dossier.taken, reasons, strict=True) if not reason]
        few = approvals(counted) < phase.gate.quorum
        return next(filter(None, reasons), "quorum_missing") if few else _untold(dossier)

    def _policy_objection(self, dossier: GateHistory, gate: GateRecord) -> str:
        by, policy = dossier.taken[-1].statement.by, dossier.run.policy
        if not by.startswith(POLICY):
            return ""
        # The run began under one policy, which its first event signs: another's name on a decision is a forgery.
        if by != f"{POLICY}{policy}":
            return "not_an_approver"
        refused = self._refusal(self.policy(policy), gate, findings_in(dossier), dossier.run.spec)
        return "policy_refuses" if refused else ""

    def latest(self, dossier: GateHistory) -> datetime:
        """Return the time by the clock, or that of the run's last event where the clock was set back behind it.

        What ends is held against it, so that a clock that is set back revives nothing. What begins is held against the
        clock, so that one that was ahead for a while lets nobody decide early.
        """
        return max(self.clock.now(), dossier.last_at)

    @property
    def passage(self) -> Passage:
        """Return the judge of gates that a run has behind it."""
        return Passage(keys=self._keys_of, system=self.system.public)

    def _keys_of(self, name: str) -> Sequence[PublicKey]:
        manager = self.managers().get(name)
        return (*([manager.public_key] if manager else []), *self.past_keys(name))

    async def require_passed(self, run: str, phases: Sequence[str]) -> None:
        """Refuse to work behind gates of a run that nobody passed.

        Raises:
            PhasegateError: a phase was gone through without a decision that a person signed, or a policy of the run.
        """
        # A decision that was used cannot be taken back, so what was proven once in this process stays so.
        new = [phase for phase in phases if (run, phase) not in self.proven]
        if new:
            self.passage.require(await self.ledger.dossier(GateKey(run, new[-1], 0)), new)
            self.proven.update((run, phase) for phase in new)

    async def require_approved(self, run: str, phase: str, commit: str) -> None:
        """Refuse to change the world with another commit than the one that was approved at a phase's gate.

        Raises:
            PhasegateError: the phase or one before it was gone through without a decision, or it was on other files.
        """
        dossier = await self.ledger.dossier(GateKey(run, phase, 0))
        self.passage.require(dossier, (*self.earlier(phase), phase))
        opened = self.passage.of(dossier, phase)
        if opened is None or opened.binds.tree != self._tree(commit):
            raise PhasegateError(
                f"commit '{commit[:12]}' is not the one that was approved in phase '{phase}'",
                fix="what is stored of this run does not hold together: start the spec again, and tell us of it",
            )

    def earlier(self, phase: str) -> Sequence[str]:
        """Return the ids of the phases before one."""
        return self.flow.phase_ids[: self.flow.phase_ids.index(phase)]

    def register(self) -> Approvers:
        """Everybody who counts, as of now."""
        return Approvers(managers=self.managers(), system=self.system.public)

    def _binds(self, dossier: GateHistory, commit: str, since: str, findings: list[Finding], before: bytes) -> Binds:
        """Return the values that a decision is bound to by the signed digest."""
        policy, gate = dossier.run.policy, self.flow.phase(dossier.key.phase).gate
        upstream = [statement for phase in self.earlier(dossier.key.phase) for statement in _passed(dossier, phase)]
        return Binds(
            gate=str(dossier.key),
            tree=self._tree(commit),
            since=self._tree(since),
            flow=self.flow.shape,
            phases=tuple(self.flow.phase_ids),
            quorum=gate.quorum,
            rules=digest(rules(gate)),
            **people(gate, self.managers()),
            # The policy's content and not its name: an edited file would otherwise decide as the one that was approved.
            policy=digest(self.policy(policy).model_dump(mode="json")) if policy else "",
            # Whoever approves the last gate approves it on top of exactly these decisions; a revoked one makes this
            # gate void.
            upstream=tuple(digest(statement.encoded()) for statement in upstream),
            findings=tuple(f"{f.check}/{f.rule}/{f.where}/{f.severity}" for f in findings),
            # The hash of the chain before the gate opened ties the decision to one history: a copied record with
            # another past fails here.
            before=before.hex(),
            system=self.system.key_id,
            root=next(reversed(self.roots()), ""),
        )

    def _tree(self, commit: str) -> str:
        try:
            return self.workspace.tree_id(commit)
        except (KeyError, ValueError) as error:
            raise Refused(
                f"commit '{commit[:12]}' is not in this repository any more",
                reason="commit_missing",
                fix="fetch it from a copy that has it ('git fetch'), or start the spec again",
            ) from error

    def _ask_policy(self, run: Run, gate: GateRecord, findings: list[Finding]) -> tuple[Decision | None, list[Event]]:
        if not run.policy:
            return None, []
        policy = self.policy(run.policy)
        refusal = self._refusal(policy, gate, findings, run.spec)
        if refusal:
            phase, attempt = gate.key.phase, gate.key.attempt
            return None, [PolicyRefused(phase=phase, attempt=attempt, policy=policy.name, reason=refusal)]
        statement = Statement(
            gate=gate.key,
            digest=gate.digest,
            kind=DecisionKind.approve,
            tree=gate.tree,
            by=f"{POLICY}{policy.name}",
            at=self.clock.now(),
        )
        decision = signed(statement, self.system)
        return decision, [decision_event(decision, "policy")]

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


def _untold(dossier: GateHistory) -> str:
    """A reason, where something was written among the decisions that no event tells of."""
    taken = [one for one in dossier.believed if one.statement.gate == dossier.key]
    return "" if len(taken) == len(dossier.taken) else "not_recorded"


def _passed(dossier: GateHistory, phase: str) -> list[Statement]:
    """Return the decisions at the phase's passed gate."""
    said = [decision.statement for decision in dossier.decisions if decision.statement.gate.phase == phase]
    stopped = {statement.gate for statement in said if not statement.kind.passes}
    return [statement for statement in said if statement.gate not in stopped]


def signed(statement: Statement, signer: Signer) -> Decision:
    """The statement under the signer's key."""
    sealed = seal(STATEMENT, statement.encoded(), signer)
    return Decision(statement=statement, key_id=sealed.key_id, signature=sealed.signature)


def decision_event(decision: Decision, channel: str, *, delegation: Envelope | None = None) -> DecisionTaken:
    """Return the event of a decision, with the digest of the signed bytes and its delegation."""
    statement = decision.statement
    return DecisionTaken(
        phase=statement.gate.phase,
        attempt=statement.gate.attempt,
        by=statement.by,
        decision=statement.kind.value,
        channel=channel,
        statement=digest(statement.encoded()),
        delegation=delegation.as_json() if delegation else None,
    )


def expired_waiver(decisions: Sequence[Decision], today: date) -> Waiver | None:
    """An exception among these that is over: what it excused stands again."""
    said = (decision.statement for decision in decisions)
    waivers = (statement.waiver for statement in said if statement.kind is DecisionKind.waive)
    return next((w for w in waivers if w and date.fromisoformat(w.expires) <= today), None)
