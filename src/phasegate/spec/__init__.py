"""Specs in Spec Kit layout: reading, requirement ids, lint, and small additions to them."""

from phasegate.spec.formats.speckit.edit import (
    NewCriterion,
    add_clarification,
    add_criteria,
    add_edge_case,
    add_requirement,
    add_risk,
    add_story,
    label_criteria,
)
from phasegate.spec.formats.speckit.parse import parse_spec, read_spec
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
from phasegate.spec.source import LIMIT, spec_path

__all__ = [
    "LIMIT",
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
    "Story",
    "Task",
    "add_clarification",
    "add_criteria",
    "add_edge_case",
    "add_requirement",
    "add_risk",
    "add_story",
    "label_criteria",
    "lint_spec",
    "lint_text",
    "mentions",
    "named_tests",
    "parse_spec",
    "planned_tests",
    "read_spec",
    "spec_path",
    "tasks_of",
]
