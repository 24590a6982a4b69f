"""Each prompt as it is rendered: a change of a template or a card shows here as what a model reads.

After a wanted change: `UPDATE_PROMPTS=1 python -m pytest tests/unit/team/test_prompts.py`, and read the difference.
"""

import os
import re
from pathlib import Path

import pytest

from phasegate.runbooks.language.lint import lint
from phasegate.team import REVIEW, Surface, load_team
from unit.team.test_team import VARIABLES

KEPT = Path(__file__).parent / "prompts"
TEAM = load_team()
ASKED = sorted(
    {(row.role, phase.id, "author") for phase in TEAM.flow().phases for row in phase.authors}
    | {(row.role, phase.id, REVIEW) for phase in TEAM.flow().phases for row in phase.reviews}
)


@pytest.mark.parametrize(("role", "phase", "task"), ASKED, ids="-".join)
def test_a_prompt_is_what_it_was(role: str, phase: str, task: str) -> None:
    instructions, *material = TEAM.prompt(role, phase, task=task, **VARIABLES)
    text = "\n=== cached up to here ===\n".join([instructions, *material])
    file = KEPT / f"{role}.{phase}.{task}.txt"
    if os.environ.get("UPDATE_PROMPTS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_no_prompt_is_kept_that_nobody_is_given() -> None:
    assert {file.name for file in KEPT.iterdir()} == {f"{role}.{phase}.{task}.txt" for role, phase, task in ASKED}


@pytest.mark.parametrize(("role", "phase", "task"), ASKED, ids="-".join)
def test_what_changes_from_run_to_run_is_not_in_what_is_cached(role: str, phase: str, task: str) -> None:
    """Instructions of a role and phase are the same bytes in each round, so that a provider's cache holds them."""
    other = {**VARIABLES, "today": "2027-01-01", "artifacts": {}, "findings": [], "comments": [], "changes": "x"}
    assert TEAM.prompt(role, phase, task=task, **VARIABLES)[0] == TEAM.prompt(role, phase, task=task, **other)[0]


def test_the_example_of_the_runbook_language_has_nothing_to_mend() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", Surface().read("prompts", "_runbook_language.md.j2").text, re.DOTALL)
    assert lint(example, "runbook.yaml") == []
