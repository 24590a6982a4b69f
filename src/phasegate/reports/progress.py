"""Progress of a run: its events, folded into phases and steps."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from phasegate.core.report import Report
from phasegate.ledger import Event
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


def progress(flow: Flow, events: Sequence[Event]) -> list[PhaseProgress]:
    """Every phase of the workflow, in order."""
    return [_phase(phase, [event for event in events if event.place[0] == phase.id]) for phase in flow.phases]


def _phase(phase: Phase, events: Sequence[Event]) -> PhaseProgress:
    begun = [event for event in events if event.kind == "phase"]
    if not begun:
        steps = (*_drafts(phase, {}, begun=False), *_judges(phase, {}, begun=False), *_effects(phase, {}, begun=False))
        return PhaseProgress(
            id=phase.id, title=phase.title, gate=phase.gate.name, state=State.waiting, steps=tuple(steps)
        )
    attempt, number = (int(part) for part in begun[-1].place[1:3])
    gate = _last_gate(events, attempt)
    void = any(event.kind == "void" and event.place[1] == str(gate) for event in events)
    decision = {} if void else _decision(events, gate, phase.gate.quorum)
    steps = (
        *_round(phase, events, attempt, number, at_gate=gate > 0),
        *_effects(phase, _done(events, "effect"), begun=_passes(decision)),
    )
    return PhaseProgress(
        id=phase.id,
        title=phase.title,
        gate=phase.gate.name,
        state=_state(steps, decision, at_gate=gate > 0 and not void),
        steps=steps,
        attempt=attempt,
        round=number,
        decision=f"{_PAST[decision['decision']]} by {decision['by']}" if decision else "",
        seconds=_seconds(steps),
    )


def _seconds(steps: Sequence[Step]) -> float:
    # Authors draft side by side, and so do checks and reviews: only the slowest of each counts. Effects run in turn.
    longest = (max((s.seconds for s in steps if s.kind in kinds), default=0.0) for kinds in _SIDE_BY_SIDE)
    return round(sum(longest) + sum(step.seconds for step in steps if step.kind == "effect"), 2)


def _state(steps: Sequence[Step], decision: dict[str, Any], *, at_gate: bool) -> State:
    if decision.get("decision") == "reject":
        return State.rejected
    if _passes(decision):
        return State.done if all(s.state is State.done for s in steps if s.kind == "effect") else State.working
    return State.gate if at_gate and not decision else State.working


def _last_gate(events: Sequence[Event], attempt: int) -> int:
    """Return the last gate's attempt, counted on where a gate was void and opened anew, or 0 without a gate."""
    gates = [int(event.place[1]) for event in events if event.kind == "gate"]
    return max((number for number in gates if number >= attempt), default=0)


def _decision(events: Sequence[Event], gate: int, quorum: int) -> dict[str, Any]:
    """Return the decision that closed the gate, which for approvals of persons is the last that was needed."""
    found = [event.body for event in events if event.kind == "decision" and event.place[1] == str(gate)]
    if not found:
        return {}
    enough = len(found) >= quorum or found[-1]["by"].startswith(POLICY)
    return found[-1] if enough or not _passes(found[-1]) else {}


def _passes(decision: dict[str, Any]) -> bool:
    return decision.get("decision") in ("approve", "waive")


def _round(phase: Phase, events: Sequence[Event], attempt: int, number: int, *, at_gate: bool) -> list[Step]:
    drafted = _done(events, "draft", attempt, number)
    drafts = _drafts(phase, drafted, begun=True)
    # A rework that changed nothing is not judged again, so that at a gate an earlier round's judgements may stand.
    turn = [str(attempt), str(number)]
    reports = [event for event in latest_reports(events, phase.id, attempt) if at_gate or event.place[1:3] == turn]
    judgements = {(event.kind, event.place[3]): event.body for event in reports}
    return [*drafts, *_judges(phase, judgements, begun=len(drafted) == len(phase.authors))]


def _done(events: Sequence[Event], kind: str, *place: int) -> dict[str, dict[str, Any]]:
    """Body by the last part of the key, of the events of that kind at that attempt and round."""
    wanted = [str(number) for number in place]
    found = [event for event in events if event.kind == kind and event.place[1 : 1 + len(wanted)] == wanted]
    return {event.place[-1]: event.body for event in found}


def _drafts(phase: Phase, done: dict[str, dict[str, Any]], *, begun: bool) -> list[Step]:
    return [_step("draft", row.role, row.item, done.get(row.item), begun) for row in phase.authors]


def _judges(phase: Phase, done: dict[tuple[str, str], dict[str, Any]], *, begun: bool) -> list[Step]:
    checks = [_step("check", name, "", done.get(("check", name)), begun) for name in phase.checks]
    reviews = [_step("review", r.role, ", ".join(r.checks), done.get(("review", r.role)), begun) for r in phase.reviews]
    return [*checks, *reviews]


def _effects(phase: Phase, done: dict[str, dict[str, Any]], *, begun: bool) -> list[Step]:
    """Return the effects in order, of which the first that is not done is at work."""
    steps = []
    for name in phase.effects:
        steps.append(_step("effect", name, "", done.get(name), begun))
        begun = begun and name in done
    return steps


def _step(kind: str, name: str, what: str, body: dict[str, Any] | None, begun: bool) -> Step:
    if body is None:
        return Step(kind=kind, name=name, what=what, state=State.working if begun else State.waiting)
    findings = [] if kind == "effect" else body.get("findings", [])
    blocking = sum(finding["severity"] in ("high", "critical") for finding in findings)
    evidence = "; ".join(body.get("evidence", []))
    return Step(
        kind=kind,
        name=name,
        what=evidence or what,
        state=State.objects if blocking else State.done,
        seconds=float(body.get("s", 0)),
        findings=len(findings),
        blocking=blocking,
    )
