"""How a run's events become phases and steps."""

from collections.abc import Sequence

import pytest

from phasegate.core import Finding, Severity
from phasegate.ledger import Event
from phasegate.ledger.events import CheckReported, ReviewReported
from phasegate.reports.progress import PhaseProgress, State, progress
from phasegate.team import Flow
from services.happened import done, drafted, entries, opened, started, taken, voided

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
CHECKED = CheckReported(phase="first", attempt=1, round=1, check="content", seconds=2, evidence=("3 files",))
DRAFTED: list[Event] = [started("first"), drafted("first", seconds=0.5)]
JUDGED = [
    *DRAFTED,
    CHECKED,
    ReviewReported(phase="first", attempt=1, round=1, reviewer="reader", seconds=1),
]
AT_GATE = [*JUDGED, opened("first")]
APPROVED = [*AT_GATE, taken("first")]


def look(events: Sequence[Event]) -> list[PhaseProgress]:
    return progress(FLOW, entries(*events))


def found(severity: Severity) -> Finding:
    return Finding(check="content", rule="r", severity=severity, path="a", message="m")


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], State.waiting),
        (DRAFTED, State.working),
        (AT_GATE, State.gate),
        # effects are still to be done
        (APPROVED, State.working),
        ([*APPROVED, done("first", "ship"), done("first", "tell")], State.done),
        ([*AT_GATE, taken("first", decision="reject")], State.rejected),
        # asked for changes, and not begun anew yet
        ([*AT_GATE, taken("first", decision="request-changes")], State.working),
        # void, and opened anew: what was decided before counts no more
        ([*APPROVED, voided("first"), opened("first", 2)], State.gate),
    ],
)
def test_a_phase_is_where_its_events_say(events: list[Event], state: State) -> None:
    assert look(events)[0].state is state


def test_judges_wait_for_the_draft_and_effects_for_each_other() -> None:
    first, second = look([started("first")])
    assert [step.state for step in first.steps] == [State.working, *[State.waiting] * 4]
    assert {step.state for step in second.steps} == {State.waiting}
    assert [s.state for s in look(DRAFTED)[0].steps[1:3]] == [State.working, State.working]
    # a receipt may count what it found: that is no list of findings
    shipped = look([*APPROVED, done("first", "ship", findings=6)])[0].steps[3:]
    assert [step.state for step in shipped] == [State.done, State.working]


def test_a_judge_that_blocks_objects_and_counts_its_findings() -> None:
    objects = CHECKED.model_copy(update={"findings": (found(Severity.high), found(Severity.low))})
    step = look([*DRAFTED, objects])[0].steps[1]
    assert (step.state, step.findings, step.blocking) == (State.objects, 2, 1)


def test_time_is_the_longest_chain_of_what_ran_side_by_side() -> None:
    assert look(AT_GATE)[0].seconds == 2.5


def test_another_round_begins_with_clean_judges() -> None:
    phase = look([*JUDGED, started("first", 1, 2)])[0]
    assert phase.round == 2
    assert [step.state for step in phase.steps[:3]] == [State.working, State.waiting, State.waiting]


def test_at_a_gate_the_last_judgements_stand_where_a_rework_changed_nothing() -> None:
    again = [started("first", 1, 2), drafted("first", 1, 2), opened("first")]
    assert [s.what for s in look([*JUDGED, *again])[0].steps[1:2]] == ["3 files"]
