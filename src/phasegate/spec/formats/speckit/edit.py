"""Small additions to a spec that leave every word of its author where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from phasegate.spec.blocks import blocks, name
from phasegate.spec.formats.speckit.parse import parse_spec
from phasegate.spec.model import Risk, Scenario, Spec

# Spec Kit's order, by which a missing section finds its place.
_ORDER = ("clarifications", "user scenarios & testing", "requirements", "success criteria", "risk")
_BESIDE = "specs/000-any"
"""A folder for reading a text that is not yet anywhere."""


@dataclass(frozen=True, kw_only=True)
class NewCriterion:
    """Criterion to add, whose id follows from the spec it is added to."""

    given: str
    when: str
    then: str
    covers: tuple[str, ...] = ()
    """Requirements that fail with it, such as `FR-001`."""


class _Section(NamedTuple):
    """Range of a section's lines from 0: its heading up to the next heading that ends it."""

    start: int
    end: int


def add_story(text: str, *, title: str, narrative: str, why: str, test: str, priority: str = "P1") -> str:
    """The spec with one more user story, as the last."""
    number = 1 + max((int(story.id[2:]) for story in _read(text).stories), default=0)
    lines = [
        f"### User Story {number} - {title} (Priority: {priority})",
        "",
        narrative,
        "",
        f"**Why this priority**: {why}",
        "",
        f"**Independent Test**: {test}",
    ]
    text, section = _ensured(text, "User Scenarios & Testing")
    edge = _find(text, "Edge Cases")
    return _insert(text, edge.start if edge and section.start < edge.start < section.end else section.end, lines)


def add_criteria(text: str, criteria: Sequence[NewCriterion], *, story: str = "US1") -> str:
    """The spec with more acceptance scenarios at the end of a story, each labelled with the next free id.

    Raises:
        KeyError: if the spec has no such story.
    """
    spec = _read(text)
    standing = next((each for each in spec.stories if each.id == story), None)
    if standing is None:
        raise KeyError(story)
    text = label_criteria(text)
    first = 1 + max((int(criterion.id[3:]) for criterion in spec.criteria), default=0)
    place = len(standing.scenarios) + 1
    lines = [
        f"{place + offset}. **AC-{first + offset:03}** **Given** {each.given}, **When** {each.when}, "
        f"**Then** {each.then}{_references(each.covers)}"
        for offset, each in enumerate(criteria)
    ]
    lead = [] if standing.scenarios else ["**Acceptance Scenarios**:", ""]
    end = _end_of(text, standing.line - 1)
    return _insert(text, end, [*lead, *lines], apart=not standing.scenarios)


def add_requirement(text: str, sentence: str, *, kind: str = "FR") -> str:
    """The spec with one more functional requirement (`FR`) or success criterion (`SC`), under the next free id."""
    spec = _read(text)
    standing = spec.requirements if kind == "FR" else spec.success_criteria
    number = 1 + max((int(each.id[3:]) for each in standing), default=0)
    outer, inner = ("Requirements", "Functional Requirements") if kind == "FR" else _SUCCESS
    text, section = _ensured(text, outer)
    if _find(text, inner) is None:
        text = _insert(text, section.start + 1, [f"### {inner}"])
    found = _find(text, inner) or section
    return _insert(text, found.end, [f"- **{kind}-{number:03}**: {sentence}"], apart=not standing)


def add_clarification(text: str, *, date: str, question: str, answer: str) -> str:
    """The spec with a question and its answer under the session of that day (YYYY-MM-DD)."""
    text, section = _ensured(text, "Clarifications")
    title = f"Session {date}"
    if _find(text, title) is None:
        text = _insert(text, section.end, [f"### {title}"])
        return _insert(text, _required(text, title).end, [_asked(question, answer)])
    return _insert(text, _required(text, title).end, [_asked(question, answer)], apart=False)


def add_risk(text: str, risk: Risk) -> str:
    """Return the spec with the risk declared, or as it is if it declares one."""
    if _read(text).risk is not None:
        return text
    text, section = _ensured(text, "Risk")
    return _insert(text, section.end, risk_lines(risk))


def label_criteria(text: str) -> str:
    """The spec with each criterion's id written in front of it, so that later additions cannot shift it."""
    lines = text.split("\n")
    for scenario in _read(text).scenarios:
        if scenario.criterion and not scenario.labelled:
            lines[scenario.line - 1] = _labelled(lines[scenario.line - 1], scenario)
    return "\n".join(lines)


def risk_lines(risk: Risk) -> list[str]:
    """The risk as list items."""
    said = (
        ("Severity", risk.severity),
        ("Blast radius", risk.blast_radius),
        ("Data", risk.data),
        ("Reversible", risk.reversible),
    )
    return [f"- **{title}**: {value}" for title, value in said if value]


_SUCCESS = ("Success Criteria", "Measurable Outcomes")


def _read(text: str) -> Spec:
    return parse_spec(text, _BESIDE)


def _labelled(line: str, scenario: Scenario) -> str:
    mark, rest = line.split(maxsplit=1)
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}{mark} **{scenario.criterion.id}** {rest}" if scenario.criterion else line


def _references(ids: Sequence[str]) -> str:
    return f" ({', '.join(ids)})" if ids else ""


def _asked(question: str, answer: str) -> str:
    return f"- Q: {question} → A: {answer}"


def _find(text: str, title: str) -> _Section | None:
    headings = [block for block in blocks(text) if block.kind == "heading"]
    for position, heading in enumerate(headings):
        if heading.section[-1] == name(title):
            later = [each.line - 1 for each in headings[position + 1 :] if each.level <= heading.level]
            return _Section(heading.line - 1, later[0] if later else len(text.split("\n")))
    return None


def _required(text: str, title: str) -> _Section:
    section = _find(text, title)
    assert section is not None, title
    return section


def _ensured(text: str, title: str) -> tuple[str, _Section]:
    """The text with the section of that title, put where Spec Kit has it, and its lines."""
    if _find(text, title) is None:
        after = _ORDER[_ORDER.index(name(title)) + 1 :]
        places = [section.start for each in after if (section := _find(text, each)) is not None]
        text = _insert(text, min(places, default=len(text.split("\n"))), [f"## {title}"])
    return text, _required(text, title)


def _end_of(text: str, start: int) -> int:
    """Return the line on which a section ends: the next heading of its own level or above."""
    headings = [block for block in blocks(text) if block.kind == "heading"]
    own = next(block for block in headings if block.line - 1 == start)
    later = [block.line - 1 for block in headings if block.line > own.line and block.level <= own.level]
    return later[0] if later else len(text.split("\n"))


def _insert(text: str, at: int, new: Sequence[str], *, apart: bool = True) -> str:
    """Insert lines above line `at`, below the last one that says something, `apart` with an empty line between."""
    lines = text.split("\n")
    before, after = lines[:at], lines[at:]
    while before and not before[-1].strip():
        before.pop()
    gap = [""] if apart and before else []
    rest = after if any(line.strip() for line in after) else []
    return "\n".join([*before, *gap, *new, "", *rest])
