"""Specs in the formats that there are: reading, requirement ids, lint, and small additions in Spec Kit's layout."""

from phasegate.spec.answers import answer_comment, read_answer
from phasegate.spec.formats import FORMATS, SpecFormat, format_of
from phasegate.spec.formats.speckit import SPECKIT
from phasegate.spec.formats.speckit.edit import (
    NewCriterion,
    add_clarification,
    add_criteria,
    add_requirement,
    add_risk,
    add_story,
    label_criteria,
)
from phasegate.spec.formats.speckit.parse import parse_spec
from phasegate.spec.lint import lint_spec
from phasegate.spec.mentions import (
    Mention,
    NamedTest,
    PlannedTests,
    Task,
    mentions,
    named_tests,
    planned_tests,
    tasks_of,
)
from phasegate.spec.model import Clarification, Note, Requirement, Risk, Scenario, Spec, Story
from phasegate.spec.prompt_injection import lint_text
from phasegate.spec.reading import read_spec
from phasegate.spec.source import LIMIT

__all__ = [
    "FORMATS",
    "LIMIT",
    "SPECKIT",
    "Clarification",
    "Mention",
    "NamedTest",
    "NewCriterion",
    "Note",
    "PlannedTests",
    "Requirement",
    "Risk",
    "Scenario",
    "Spec",
    "SpecFormat",
    "Story",
    "Task",
    "add_clarification",
    "add_criteria",
    "add_requirement",
    "add_risk",
    "add_story",
    "answer_comment",
    "format_of",
    "label_criteria",
    "lint_spec",
    "lint_text",
    "mentions",
    "named_tests",
    "parse_spec",
    "planned_tests",
    "read_answer",
    "read_spec",
    "tasks_of",
]
