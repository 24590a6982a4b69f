"""The small real model as every role: nothing crashes, nothing passes by itself, and one screen says why."""

from pathlib import Path

import pytest

from acceptance.bad_model import helped_to_its_release, team
from real.small_model import NAME

pytestmark = [pytest.mark.real, pytest.mark.timeout(3600)]

SHORT = "extra_body = {n_predict = 48}"
"""Tokens of a reply: it is nonsense however long it is, and a machine without a graphics card takes long."""


def test_the_small_model_needs_a_person_at_each_step_who_is_told_why(tmp_path: Path, small_model: str) -> None:
    with team(tmp_path, small_model, NAME, options=SHORT) as made:
        helped_to_its_release(made)
