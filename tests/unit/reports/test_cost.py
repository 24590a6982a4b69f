"""What a run cost so far and may cost at most, in a team that compiles and in one that calls models."""

from decimal import Decimal
from pathlib import Path

import pytest

from phasegate.reports.cost import cost_of
from phasegate.reports.spend import Spend
from phasegate.team import Surface, Team, load_team


def team(folder: Path, **models: str) -> Team:
    """Ours, with copies of the cards of those roles that name a model."""
    (folder / "agents").mkdir()
    for role, model in models.items():
        name = f"{role.replace('_', '-')}.md"
        text = Surface().read("agents", name).text
        assert text.count("model: compiler\n") == 1
        (folder / "agents" / name).write_text(text.replace("model: compiler\n", f"model: {model}\n"))
    return load_team(folder)


def says(given: Team, phase: str, usd: str = "0", reserved: str = "0") -> str:
    flow, spent = given.flow(), Spend(usd=Decimal(usd), reserved_usd=Decimal(reserved))
    return cost_of(spent, flow, flow.phase(phase), given.cards).says


def test_a_team_that_compiles_pays_nothing(tmp_path: Path) -> None:
    given = team(tmp_path)
    assert says(given, "specify") == "no model is called: $0 so far, $0 to come"


def test_programs_get_money_as_text(tmp_path: Path) -> None:
    given = team(tmp_path, document_engineer="some-model")
    cost = cost_of(Spend(usd=Decimal("0.3")), given.flow(), given.flow().phase("release"), given.cards)
    assert cost.plain() == {
        "usd_so_far": "0.3",
        "usd_reserved": "0",
        "usd_to_come_at_most": "0",
        "models": True,
        "recorded": False,
    }
    assert cost.says == "$0.30 so far, at most $0.00 to come"


def test_what_is_reserved_for_calls_without_an_end_is_told(tmp_path: Path) -> None:
    said = says(team(tmp_path, document_engineer="some-model"), "release", "0.004", "0.5")
    assert said == "$0.0040 so far and $0.50 reserved, at most $0.00 to come"


def test_recorded_answers_cost_nothing_and_say_so(tmp_path: Path) -> None:
    given = team(tmp_path, document_engineer="recorded:answers.jsonl")
    assert says(given, "specify", "0.1") == "answers are recorded: $0.10 paid, no model is called"


@pytest.mark.parametrize(
    ("phase", "roles"),
    [
        ("specify", ["cloud-architect", "qa-specialist"]),  # each once, in however many phases it works
        ("plan", ["cloud-architect", "qa-specialist"]),  # the architect still reviews the tasks
        ("tasks", ["qa-specialist"]),  # who writes tests, and reviews
        ("build", ["qa-specialist"]),  # who reviews the release
        ("release", []),  # nothing comes after it
    ],
)
def test_what_is_to_come_is_the_limits_of_the_roles_ahead(tmp_path: Path, phase: str, roles: list[str]) -> None:
    given = team(tmp_path, cloud_architect="some-model", qa_specialist="another", product_owner="a-third")
    limits = {name: card.limits.money_usd for name, card in given.cards.items() if card.limits}
    expected = f"{sum(limits[role] for role in roles):.2f}"
    assert says(given, phase, "0.42") == f"$0.42 so far, at most ${expected} to come"


def test_what_was_paid_is_told_though_nobody_calls_a_model_any_more(tmp_path: Path) -> None:
    assert says(team(tmp_path), "specify", "0.42") == "$0.42 so far, at most $0.00 to come"
