"""Each prompt as it is rendered: a change of a template or a card shows here as what a model reads.

After a wanted change: `UPDATE_PROMPTS=1 python -m pytest tests/unit/team/test_prompts.py`, and read the difference.
"""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from phasegate.authors.kinds import PACKAGE
from phasegate.runbooks.language.lint import lint
from phasegate.team import REVIEW, Surface, load_team
from unit.team.test_team import VARIABLES

KEPT = Path(__file__).parent / "prompts"
TEAM = load_team()
KINDS = {"": TEAM.flow(), "package": TEAM.flow("package")}
ASKED = sorted(
    {
        (row.role, phase.id, "author", kind)
        for kind, flow in KINDS.items()
        for phase in flow.phases
        for row in phase.authors
    }
    | {
        (row.role, phase.id, REVIEW, kind)
        for kind, flow in KINDS.items()
        for phase in flow.phases
        for row in phase.reviews
    }
)
TOOLS = [
    "list_files",
    "read_file",
    "search",
    "write_file",
    "edit_file",
    "delete_file",
    "run_tests",
    "aws_count_resources",
]


def name_of(role: str, phase: str, task: str, kind: str) -> str:
    return ".".join([*filter(None, [role, phase, task, kind]), "txt"])


def variables(phase: str, kind: str) -> dict[str, Any]:
    """The sample, with tools where the code of a package is written, so that their words are held, too."""
    given = VARIABLES | ({"product": PACKAGE.product} if kind else {})
    return given | ({"tools": TOOLS} if kind and phase in ("plan", "build") else {})


@pytest.mark.parametrize(("role", "phase", "task", "kind"), ASKED, ids=lambda part: part or "runbooks")
def test_a_prompt_is_what_it_was(role: str, phase: str, task: str, kind: str) -> None:
    instructions, *material = TEAM.prompt(role, phase, task=task, kind=kind, **variables(phase, kind))
    text = "\n=== cached up to here ===\n".join([instructions, *material])
    file = KEPT / name_of(role, phase, task, kind)
    if os.environ.get("UPDATE_PROMPTS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_no_prompt_is_kept_that_nobody_is_given() -> None:
    assert {file.name for file in KEPT.iterdir()} == {name_of(*each) for each in ASKED}


@pytest.mark.parametrize(("role", "phase", "task", "kind"), ASKED, ids=lambda part: part or "runbooks")
def test_what_changes_from_run_to_run_is_not_in_what_is_cached(role: str, phase: str, task: str, kind: str) -> None:
    """Instructions of a role and phase are the same bytes in each round, so that a provider's cache holds them."""
    other = {**VARIABLES, "today": "2027-01-01", "artifacts": {}, "findings": [], "comments": [], "changes": "x"}
    first, second = (TEAM.prompt(role, phase, task=task, kind=kind, **given)[0] for given in (VARIABLES, other))
    assert first == second


def test_the_example_of_the_runbook_language_has_nothing_to_mend() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", Surface().read("prompts", "_runbook_language.md.j2").text, re.DOTALL)
    assert lint(example, "runbook.yaml") == []
