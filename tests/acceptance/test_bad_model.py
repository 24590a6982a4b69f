"""A model that writes nonsense in every role: nothing crashes, nothing passes by itself, and one screen says why."""

from pathlib import Path

import pytest

from acceptance.bad_model import helped_to_its_release, stops_at_each_role, team
from services import serve
from services.model_answers import text
from services.openai_compatible import KEY, MODEL, OpenAIService


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_person_is_needed_at_each_step_and_is_told_why(tmp_path: Path) -> None:
    service = OpenAIService(lambda _: text("the the the volume is a volume"))
    with serve(service) as address, team(tmp_path, f"{address}/v1", MODEL, KEY) as made:
        helped_to_its_release(made)
    assert len(service.asked) >= 8


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_worker_that_nobody_watches_stops_at_each_role_and_the_status_says_why(tmp_path: Path) -> None:
    service = OpenAIService(lambda _: text("the the the volume is a volume"))
    with serve(service) as address, team(tmp_path, f"{address}/v1", MODEL, KEY, roles=()) as made:
        stops_at_each_role(made, "tasks", ["python-engineer", "qa-specialist"], ["cloud-architect", "sre-automation"])
