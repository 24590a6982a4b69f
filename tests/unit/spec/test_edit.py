"""Adding to a spec: what is new is there, and every word of the author still stands."""

from importlib.resources import files as resources

import pytest

from phasegate.spec import (
    NewCriterion,
    Risk,
    Spec,
    add_clarification,
    add_criteria,
    add_requirement,
    add_risk,
    add_story,
    label_criteria,
    parse_spec,
)

GOOD = resources("phasegate.team.specs").joinpath("001-unattached-ebs-volumes", "spec.md").read_text(encoding="utf-8")
PROSE = "# Idle things\n\nFind things that idle, because they cost money.\n"
NEW = NewCriterion(given="a thing", when="it idles", then="it is found", covers=("FR-001",))


def read(text: str) -> Spec:
    return parse_spec(text, "specs/001-x")


def only_added(before: str, after: str) -> list[str]:
    """Lines of `after` that `before` has not; fails where a line of `before` is gone or moved."""
    new = iter(after.splitlines())
    added = []
    for line in before.splitlines():
        for other in new:
            if other == line:
                break
            added.append(other)
        else:
            raise AssertionError(f"gone: {line!r}")
    return [line for line in [*added, *new] if line]


def test_criteria_are_added_at_the_end_of_their_story_under_the_next_ids() -> None:
    text = add_criteria(label_criteria(GOOD), [NEW, NEW], story="US1")
    spec = read(text)
    assert [scenario.criterion.id for scenario in spec.stories[0].scenarios if scenario.criterion][-2:] == [
        "AC-012",
        "AC-013",
    ]
    assert spec.criteria[-1].id == "AC-011"
    assert only_added(label_criteria(GOOD), text) == [
        "7. **AC-012** **Given** a thing, **When** it idles, **Then** it is found (FR-001)",
        "8. **AC-013** **Given** a thing, **When** it idles, **Then** it is found (FR-001)",
    ]


def test_adding_criteria_labels_those_that_stand_so_that_no_id_moves() -> None:
    before = {criterion.text: criterion.id for criterion in read(GOOD).criteria}
    after = {criterion.text: criterion.id for criterion in read(add_criteria(GOOD, [NEW])).criteria}
    assert after == before | {"Given a thing, When it idles, Then it is found": "AC-012"}


def test_labelling_twice_changes_nothing_more() -> None:
    assert label_criteria(label_criteria(GOOD)) == label_criteria(GOOD)
    assert read(label_criteria(GOOD)).criteria == read(GOOD).criteria


def test_criteria_of_a_story_that_is_not_there_are_an_error() -> None:
    with pytest.raises(KeyError):
        add_criteria(GOOD, [NEW], story="US9")


@pytest.mark.parametrize(
    ("kind", "new"), [("FR", "- **FR-009**: It MUST sing."), ("SC", "- **SC-004**: It MUST sing.")]
)
def test_a_requirement_is_added_under_the_next_id(kind: str, new: str) -> None:
    assert only_added(GOOD, add_requirement(GOOD, "It MUST sing.", kind=kind)) == [new]


def test_a_clarification_is_added_to_its_session_or_to_a_new_one() -> None:
    same = add_clarification(GOOD, date="2026-11-02", question="Why?", answer="Because.")
    assert only_added(GOOD, same) == ["- Q: Why? → A: Because."]
    later = add_clarification(GOOD, date="2026-11-09", question="Why?", answer="Because.")
    assert only_added(GOOD, later) == ["### Session 2026-11-09", "- Q: Why? → A: Because."]
    assert read(later).clarifications[-1].date == "2026-11-09"


def test_a_declared_risk_is_not_touched() -> None:
    assert add_risk(GOOD, Risk(severity="low")) == GOOD


def test_prose_grows_into_a_whole_spec_in_the_order_of_the_layout() -> None:
    text = PROSE
    text = add_risk(text, Risk(severity="low", data="none"))
    text = add_requirement(text, "It MUST be 100 %.", kind="SC")
    text = add_requirement(text, "The runbook MUST find idle things.")
    text = add_story(text, title="See them", narrative="A list.", why="Money.", test="Look.")
    text = add_criteria(text, [NEW])
    text = add_clarification(text, date="2026-11-02", question="Why?", answer="Because.")
    text = add_story(text, title="Stop them", narrative="Stop.", why="Money.", test="Try.", priority="P2")
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Idle things",
        "## Clarifications",
        "### Session 2026-11-02",
        "## User Scenarios & Testing",
        "### User Story 1 - See them (Priority: P1)",
        "### User Story 2 - Stop them (Priority: P2)",
        "## Requirements",
        "### Functional Requirements",
        "## Success Criteria",
        "### Measurable Outcomes",
        "## Risk",
    ]
    only_added(PROSE, text)
    spec = read(text)
    assert spec.ids == ("FR-001", "AC-001", "SC-001")
    assert (spec.stories[0].why, spec.stories[1].narrative) == ("Money.", "Stop.")
    assert spec.risk == Risk(severity="low", data="none", line=spec.risk.line if spec.risk else 0)
    assert "\n\n\n" not in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
