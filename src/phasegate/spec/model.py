"""A spec as parts: every one with the line it stands on, and an id where others refer to it."""

from collections.abc import Iterator
from dataclasses import dataclass

from phasegate.core import Criterion


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Acceptance scenario of a story."""

    text: str
    """Text as written, on one line."""
    line: int
    criterion: Criterion | None
    """None where it is not a Given, When, Then."""
    labelled: bool
    """True if the spec itself says the criterion's id."""
    covers: tuple[str, ...] = ()
    """Requirements that it names, such as `FR-001`."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """User story, which can be shipped and tested alone."""

    id: str
    """`US1` for User Story 1."""
    title: str
    priority: str
    """`P1` is the most valuable; empty where none is given."""
    narrative: str
    why: str
    """Reason for this priority."""
    test: str
    """Independent test of the story."""
    scenarios: tuple[Scenario, ...]
    line: int


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A functional requirement (`FR-001`) or a success criterion (`SC-001`)."""

    id: str
    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Note:
    """A remark with its place: an edge case, an entity, an open question."""

    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Clarification:
    """A question that was asked about the spec, and its answer."""

    date: str
    """YYYY-MM-DD."""
    question: str
    answer: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Risk:
    """Risk that the spec declares, which the DevSec engineer holds against the action."""

    severity: str = ""
    """`low`, `medium`, `high` or `critical`."""
    blast_radius: str = ""
    """Blast radius."""
    data: str = ""
    """Data that it touches."""
    reversible: str = ""
    """Reversibility: whether, how and until when it can be undone."""
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A spec in Spec Kit's layout, or as much of one as there is."""

    folder: str
    path: str
    title: str
    what: str
    """Purpose: the input's own words, or the first paragraph."""
    why: str
    """Reason for it, empty where nobody says."""
    stories: tuple[Story, ...]
    edge_cases: tuple[Note, ...]
    requirements: tuple[Requirement, ...]
    entities: tuple[Note, ...]
    success_criteria: tuple[Requirement, ...]
    clarifications: tuple[Clarification, ...]
    open_questions: tuple[Note, ...]
    risk: Risk | None

    @property
    def scenarios(self) -> Iterator[Scenario]:
        """Every scenario, in order."""
        return (scenario for story in self.stories for scenario in story.scenarios)

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The acceptance criteria, in order."""
        return tuple(scenario.criterion for scenario in self.scenarios if scenario.criterion)

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id that plan, tasks, code and tests refer to: FR, then AC, then SC."""
        functional = [requirement.id for requirement in self.requirements]
        acceptance = [criterion.id for criterion in self.criteria]
        return (*functional, *acceptance, *(requirement.id for requirement in self.success_criteria))
