"""How a run's events become phases and steps."""

from datetime import UTC, datetime
from typing import Any

import pytest

from phasegate.ledger import Event
from phasegate.reports.progress import PhaseProgress, State, progress
from phasegate.team import Flow

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
FLOW = Flow.model_validate(
    {
        "name": "small",
        "version": 1,
        "phases": [
            {
                "id": "first",
                "title": "First",
                "authors": [{"role": "writer", "item": "text", "artifacts": ["{spec}/*"]}],
                "checks": ["content"],
                "reviews": [{"role": "reader", "checks": ["style"]}],
                "gate": {"name": "first gate"},
                "effects": ["ship", "tell"],
            },
            {
                "id": "second",
                "title": "Second",
                "authors": [{"role": "writer", "item": "text", "artifacts": ["{spec}/*"]}],
                "gate": {"name": "second gate"},
            },
        ],
    }
)
Rows = list[tuple[str, dict[str, Any]]]
BLOCKING = [{"severity": "high"}, {"severity": "low"}]
DRAFTED: Rows = [("phase:first/1/1", {}), ("draft:first/1/1/text", {"by": "writer", "s": 0.5})]
JUDGED: Rows = [
    *DRAFTED,
    ("check:first/1/1/content", {"s": 2.0, "evidence": ["3 files"]}),
    ("review:first/1/1/reader", {"s": 1.0}),
]
AT_GATE: Rows = [*JUDGED, ("gate:first/1", {})]
APPROVED: Rows = [*AT_GATE, ("decision:first/1", {"by": "ada", "decision": "approve"})]


def look(events: Rows) -> list[PhaseProgress]:
    rows = [Event(run="r1", seq=n, key=key, at=NOW, body=body) for n, (key, body) in enumerate(events, start=1)]
    return progress(FLOW, rows)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([("run", {})], State.waiting),
        (DRAFTED, State.working),
        (AT_GATE, State.gate),
        # effects are still to be done
        (APPROVED, State.working),
        ([*APPROVED, ("effect:first/ship", {}), ("effect:first/tell", {})], State.done),
        ([*AT_GATE, ("decision:first/1", {"by": "ada", "decision": "reject"})], State.rejected),
        # asked for changes, and not begun anew yet
        ([*AT_GATE, ("decision:first/1", {"by": "ada", "decision": "request-changes"})], State.working),
        # void, and opened anew: what was decided before counts no more
        ([*APPROVED, ("void:first/1", {}), ("gate:first/2", {})], State.gate),
    ],
)
def test_a_phase_is_where_its_events_say(events: Rows, state: State) -> None:
    assert look(events)[0].state is state


def test_judges_wait_for_the_draft_and_effects_for_each_other() -> None:
    first, second = look([("phase:first/1/1", {})])
    assert [step.state for step in first.steps] == [State.working, *[State.waiting] * 4]
    assert {step.state for step in second.steps} == {State.waiting}
    assert [s.state for s in look(DRAFTED)[0].steps[1:3]] == [State.working, State.working]
    # a receipt may count what it found: that is no list of findings
    shipped = look([*APPROVED, ("effect:first/ship", {"findings": 6})])[0].steps[3:]
    assert [step.state for step in shipped] == [State.done, State.working]


def test_a_judge_that_blocks_objects_and_counts_its_findings() -> None:
    step = look([*DRAFTED, ("check:first/1/1/content", {"s": 1, "findings": BLOCKING})])[0].steps[1]
    assert (step.state, step.findings, step.blocking) == (State.objects, 2, 1)


def test_time_is_the_longest_chain_of_what_ran_side_by_side() -> None:
    assert look(AT_GATE)[0].seconds == 2.5


def test_another_round_begins_with_clean_judges() -> None:
    phase = look([*JUDGED, ("phase:first/1/2", {})])[0]
    assert phase.round == 2
    assert [step.state for step in phase.steps[:3]] == [State.working, State.waiting, State.waiting]


def test_at_a_gate_the_last_judgements_stand_where_a_rework_changed_nothing() -> None:
    again: Rows = [("phase:first/1/2", {}), ("draft:first/1/2/text", {"by": "writer"}), ("gate:first/1", {})]
    assert [s.what for s in look([*JUDGED, *again])[0].steps[1:2]] == ["3 files"]
