"""Progress of a run: its events, folded into phases and steps."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from phasegate.core.report import Report
from phasegate.ledger import Entry, of_kind
from phasegate.ledger.events import (
    DecisionTaken,
    Drafted,
    EffectDone,
    GateOpened,
    GateVoided,
    InPhase,
    Judgement,
    RoundStarted,
    only,
)
from phasegate.team import Flow, Phase
from phasegate.workflow import latest_reports
from phasegate.workflow.gates.approvers import POLICY


class State(StrEnum):
    """State of a phase or a step."""

    waiting = "waiting"
    working = "working"
    done = "done"
    objects = "objects"
    """A check or a reviewer that is done, and has a finding that blocks."""
    gate = "gate"
    """A phase that waits for a decision."""
    rejected = "rejected"


class Step(Report):
    """A draft, a check, a review or an effect."""

    kind: str
    """`draft`, `check`, `review` or `effect`."""
    name: str
    """Of the role, check or effect."""
    what: str = ""
    """What an author makes, or what a reviewer or check saw."""
    state: State = State.waiting
    seconds: float = 0.0
    findings: int = 0
    blocking: int = 0


class PhaseProgress(Report):
    """A phase in its last attempt and round."""

    id: str
    title: str
    gate: str
    state: State
    steps: tuple[Step, ...]
    attempt: int = 0
    round: int = 0
    decision: str = ""
    """`approved by ada`, or empty."""
    seconds: float = 0.0
    """Wall time of the slowest draft, the slowest check or review, and all effects."""

    @property
    def findings(self) -> int:
        """Number of findings in its last judged round."""
        return sum(step.findings for step in self.steps)


_PAST = {"approve": "approved", "waive": "waived", "reject": "rejected", "request-changes": "sent back"}
_SIDE_BY_SIDE = (("draft",), ("check", "review"))


def progress(flow: Flow, entries: Sequence[Entry]) -> list[PhaseProgress]:
    """Every phase of the workflow, in order."""
    events = of_kind(entries, InPhase)
    return [_phase(phase, [event for event in events if event.phase == phase.id]) for phase in flow.phases]


def _phase(phase: Phase, events: Sequence[InPhase]) -> PhaseProgress:
    begun = only(events, RoundStarted)
    if not begun:
        steps = (*_drafts(phase, {}, begun=False), *_judges(phase, {}, begun=False), *_effects(phase, {}, begun=False))
        return PhaseProgress(
            id=phase.id, title=phase.title, gate=phase.gate.name, state=State.waiting, steps=tuple(steps)
        )
    started, gate = begun[-1], _last_gate(events, begun[-1].attempt)
    void = any(voided.attempt == gate for voided in only(events, GateVoided))
    decision = None if void else _decision(events, gate, phase.gate.quorum)
    effects = {done.effect: done for done in only(events, EffectDone)}
    steps = (
        *_round(phase, events, started, at_gate=gate > 0),
        *_effects(phase, effects, begun=decision is not None and decision.passes),
    )
    return PhaseProgress(
        id=phase.id,
        title=phase.title,
        gate=phase.gate.name,
        state=_state(steps, decision, at_gate=gate > 0 and not void),
        steps=steps,
        attempt=started.attempt,
        round=started.round,
        decision=f"{_PAST[decision.decision]} by {decision.by}" if decision else "",
        seconds=_seconds(steps),
    )


def _seconds(steps: Sequence[Step]) -> float:
    # Authors draft side by side, and so do checks and reviews: only the slowest of each counts. Effects run in turn.
    longest = (max((s.seconds for s in steps if s.kind in kinds), default=0.0) for kinds in _SIDE_BY_SIDE)
    return round(sum(longest) + sum(step.seconds for step in steps if step.kind == "effect"), 2)


def _state(steps: Sequence[Step], decision: DecisionTaken | None, *, at_gate: bool) -> State:
    if decision is None:
        return State.gate if at_gate else State.working
    if decision.passes:
        return State.done if all(s.state is State.done for s in steps if s.kind == "effect") else State.working
    return State.rejected if decision.decision == "reject" else State.working


def _last_gate(events: Sequence[InPhase], attempt: int) -> int:
    """Return the last gate's attempt, counted on where a gate was void and opened anew, or 0 without a gate."""
    return max((gate.attempt for gate in only(events, GateOpened) if gate.attempt >= attempt), default=0)


def _decision(events: Sequence[InPhase], gate: int, quorum: int) -> DecisionTaken | None:
    """Return the decision that closed the gate, which for approvals of persons is the last that was needed."""
    found = [taken for taken in only(events, DecisionTaken) if taken.attempt == gate]
    enough = bool(found) and (len(found) >= quorum or found[-1].by.startswith(POLICY) or not found[-1].passes)
    return found[-1] if enough else None


def _round(phase: Phase, events: Sequence[InPhase], started: RoundStarted, *, at_gate: bool) -> list[Step]:
    turn = started.attempt, started.round
    drafted = {draft.item: draft for draft in only(events, Drafted) if (draft.attempt, draft.round) == turn}
    drafts = _drafts(phase, drafted, begun=True)
    # A rework that changed nothing is not judged again, so that at a gate an earlier round's judgements may stand.
    latest = latest_reports(only(events, Judgement), phase.id, started.attempt)
    reports = {(each.kind, each.name): each for each in latest if at_gate or (each.attempt, each.round) == turn}
    return [*drafts, *_judges(phase, reports, begun=len(drafted) == len(phase.authors))]


def _drafts(phase: Phase, done: Mapping[str, Drafted], *, begun: bool) -> list[Step]:
    return [_step("draft", row.role, row.item, done.get(row.item), begun) for row in phase.authors]


def _judges(phase: Phase, done: Mapping[tuple[str, str], Judgement], *, begun: bool) -> list[Step]:
    checks = [_step("check", name, "", done.get(("check", name)), begun) for name in phase.checks]
    reviews = [_step("review", r.role, ", ".join(r.checks), done.get(("review", r.role)), begun) for r in phase.reviews]
    return [*checks, *reviews]


def _effects(phase: Phase, done: Mapping[str, EffectDone], *, begun: bool) -> list[Step]:
    """Return the effects in order, of which the first that is not done is at work."""
    steps = []
    for name in phase.effects:
        steps.append(_step("effect", name, "", done.get(name), begun))
        begun = begun and name in done
    return steps


def _step(kind: str, name: str, what: str, done: Drafted | Judgement | EffectDone | None, begun: bool) -> Step:
    if done is None:
        return Step(kind=kind, name=name, what=what, state=State.working if begun else State.waiting)
    if not isinstance(done, Judgement):
        return Step(kind=kind, name=name, what=what, state=State.done, seconds=done.seconds)
    return Step(
        kind=kind,
        name=name,
        what=done.saw or what,
        state=State.objects if done.blocking else State.done,
        seconds=done.seconds,
        findings=len(done.findings),
        blocking=done.blocking,
    )
