"""The small real model in the roles of a team: nothing crashes, nothing passes by itself, and one screen says why."""

from collections.abc import Collection
from pathlib import Path

import pytest

from acceptance.bad_model import helped_to_its_release, stops_at_each_role, team
from real.small_model import NAME

pytestmark = [pytest.mark.real, pytest.mark.timeout(3600)]

SHORT = "extra_body = {n_predict = 48}"
"""Tokens of a reply: it is nonsense however long it is, and a machine without a graphics card takes long."""


def test_the_small_model_needs_a_person_at_each_step_who_is_told_why(tmp_path: Path, small_model: str) -> None:
    with team(tmp_path, small_model, NAME, options=SHORT) as made:
        helped_to_its_release(made)


@pytest.mark.parametrize(
    ("phase", "authors", "reviewers"),
    [
        ("specify", ["product-owner"], ["data-architect", "devsec-engineer", "sre-automation"]),
        ("plan", ["cloud-architect"], ["data-architect", "devsec-engineer", "document-engineer", "sre-automation"]),
        ("tasks", ["python-engineer", "qa-specialist"], ["cloud-architect", "sre-automation"]),
        # Code, tests and the release are built, which no model is asked for.
        ("build", ["document-engineer"], ["data-architect", "devsec-engineer", "qa-specialist", "sre-automation"]),
        ("release", [], ["qa-specialist"]),
    ],
)
def test_each_role_of_a_phase_is_why_a_run_stands(
    tmp_path: Path, small_model: str, phase: str, authors: Collection[str], reviewers: Collection[str]
) -> None:
    with team(tmp_path, small_model, NAME, options=SHORT, roles=()) as made:
        stops_at_each_role(made, phase, authors, reviewers)
