import pytest

from phasegate.workflow.reports import findings_of, latest_reports
from unit.workflow.fixtures import flow, phase

FIRST = phase("first", reviews=[{"role": "critic", "checks": ["content"]}], effects=["shake"])


@pytest.mark.parametrize(
    "other",
    [
        {**FIRST, "id": "renamed"},  # a parked phase would not be found
        {**FIRST, "checks": []},  # a check is gone
        {**FIRST, "checks": ["content", "more"]},  # one is new
        {**FIRST, "reviews": []},  # a reviewer is gone
        {**FIRST, "effects": []},  # an effect is gone
        {**FIRST, "authors": [{"role": "writer", "item": "other", "artifacts": ["*"]}]},  # another item
    ],
)
def test_a_change_of_what_a_parked_run_would_look_for_shows(other: dict[str, object]) -> None:
    assert flow(FIRST).shape != flow(other).shape


@pytest.mark.parametrize(
    "other",
    [
        {**FIRST, "title": "Another title"},  # what people read
        {**FIRST, "max_rounds": 9},  # how often it is reworked
        {**FIRST, "gate": {"name": "another", "expires_after": "1d"}},  # what the gate asks
    ],
)
def test_a_change_of_what_it_would_not_look_for_does_not(other: dict[str, object]) -> None:
    assert flow(FIRST).shape == flow(other).shape


def test_a_phase_that_nobody_judged_has_no_findings() -> None:
    assert latest_reports([], "first", 1) == []
    assert findings_of([], "first", 1) == []
