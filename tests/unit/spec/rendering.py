"""A spec written out in Spec Kit's layout, in the words of its author."""

from collections.abc import Iterator
from itertools import groupby

from phasegate.spec.formats.speckit.edit import risk_lines
from phasegate.spec.model import Note, Requirement, Scenario, Spec, Story


def render_spec(spec: Spec) -> str:
    """The spec as Markdown; read again, it is the same spec but for its lines.

    Prose that Spec Kit's layout has no place for is not part of a `Spec`, so a file that holds some is better changed
    by the functions of `edit`.
    """
    parts = (_head(spec), _clarifications(spec), _scenarios(spec), _requirements(spec), _success(spec), _risk(spec))
    return "\n".join(line for part in parts for line in part).rstrip("\n") + "\n"


def _head(spec: Spec) -> Iterator[str]:
    yield from (f"# Feature Specification: {spec.title}", "")
    if spec.what:
        yield from (f'**Input**: User description: "{spec.what}"', "")
    if spec.why and spec.why not in {story.why for story in spec.stories}:
        yield from ("## Why", "", spec.why, "")


def _clarifications(spec: Spec) -> Iterator[str]:
    if spec.clarifications:
        yield from ("## Clarifications", "")
    for date, asked in groupby(spec.clarifications, key=lambda each: each.date):
        yield from (f"### Session {date}", "")
        yield from (f"- Q: {each.question} → A: {each.answer}" for each in asked)
        yield ""


def _scenarios(spec: Spec) -> Iterator[str]:
    if spec.stories or spec.edge_cases:
        yield from ("## User Scenarios & Testing", "")
    for story in spec.stories:
        yield from _story(story)
    yield from _notes("Edge Cases", spec.edge_cases)


def _story(story: Story) -> Iterator[str]:
    priority = f" (Priority: {story.priority})" if story.priority else ""
    yield from (f"### User Story {story.id[2:]} - {story.title}{priority}", "")
    leads = (("Why this priority", story.why), ("Independent Test", story.test))
    for text in (story.narrative, *(f"**{lead}**: {said}" for lead, said in leads if said)):
        yield from (text, "") if text else ()
    if story.scenarios:
        yield from ("**Acceptance Scenarios**:", "")
        yield from (f"{number}. {_scenario(each)}" for number, each in enumerate(story.scenarios, 1))
        yield ""


def _scenario(scenario: Scenario) -> str:
    criterion = scenario.criterion
    if criterion is None:
        return scenario.text
    label = f"**{criterion.id}** " if scenario.labelled else ""
    covers = f" ({', '.join(scenario.covers)})" if scenario.covers else ""
    return f"{label}**Given** {criterion.given}, **When** {criterion.when}, **Then** {criterion.then}{covers}"


def _requirements(spec: Spec) -> Iterator[str]:
    if spec.requirements or spec.entities:
        yield from ("## Requirements", "")
    if spec.requirements:
        yield from ("### Functional Requirements", "", *map(_requirement, spec.requirements), "")
    yield from _notes("Key Entities", spec.entities)


def _success(spec: Spec) -> Iterator[str]:
    if spec.success_criteria:
        yield from ("## Success Criteria", "", "### Measurable Outcomes", "")
        yield from (*map(_requirement, spec.success_criteria), "")


def _risk(spec: Spec) -> Iterator[str]:
    if spec.risk:
        yield from ("## Risk", "", *risk_lines(spec.risk))


def _requirement(requirement: Requirement) -> str:
    return f"- **{requirement.id}**: {requirement.text}"


def _notes(title: str, notes: tuple[Note, ...]) -> Iterator[str]:
    if notes:
        yield from (f"### {title}", "", *(f"- {note.text}" for note in notes), "")
