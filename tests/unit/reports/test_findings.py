"""What was sent back before a gate."""

from phasegate.core import Finding, Severity
from phasegate.ledger import Event
from phasegate.ledger.events import CheckReported, ModelCalled, ReviewReported
from phasegate.reports.findings import SentBack, rework_of
from services.happened import drafted, entries, started

BLOCKS = Finding(check="c", rule="r", severity=Severity.high, path="a", message="no undo")
NOTES = Finding(check="c", rule="n", severity=Severity.low, path="a", message="a matter of taste")


def called(round: int = 1, attempt: int = 1, *faults: str) -> ModelCalled:
    return ModelCalled(
        phase="specify", attempt=attempt, round=round, role="product-owner", call="spec", usd="0", sent_back=faults
    )


def checked(round: int, *found: Finding) -> CheckReported:
    return CheckReported(phase="specify", attempt=1, round=round, check="content", seconds=0, findings=found)


def sent_back(*events: Event) -> tuple[SentBack, ...]:
    return rework_of(entries(*events), "specify", 1)


def test_faults_and_blocking_findings_of_rounds_before_the_last_are_named_in_order() -> None:
    review = ReviewReported(phase="specify", attempt=1, round=2, reviewer="reader", seconds=0, findings=(BLOCKS,))
    rows = sent_back(
        started("specify"),
        called(1, 1, "line 3: no such name", "line 4: unknown"),
        drafted("specify"),
        checked(1, BLOCKS, NOTES),
        started("specify", number=2),
        review,
        started("specify", number=3),
        called(3, 1, "line 9"),
    )
    assert [(row.round, row.by, row.to, row.text) for row in rows] == [
        (1, "lint", "product-owner", "line 3: no such name"),
        (1, "lint", "product-owner", "line 4: unknown"),
        (1, "content", "", "no undo"),
        (2, "reader", "", "no undo"),
        (3, "lint", "product-owner", "line 9"),
    ]


def test_findings_that_stand_at_the_gate_were_not_sent_back() -> None:
    assert sent_back(started("specify"), checked(1, BLOCKS)) == ()


def test_other_attempts_and_phases_are_left_out() -> None:
    assert sent_back(called(1, 2, "of a later attempt")) == ()
    other = called(1, 1, "of another phase").model_copy(update={"phase": "plan"})
    assert sent_back(other) == ()
