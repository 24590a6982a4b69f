"""Names that a manager cannot have, and names that look alike."""

from itertools import product
from pathlib import Path

import pytest
from pydantic import ValidationError

from phasegate.app.config import Config
from phasegate.trust import AGENTS


def _config(*names: str) -> Config:
    rows = [{"name": name, "public_key": f"k{number}"} for number, name in enumerate(names)]
    return Config.model_validate({"project": {"name": "a", "package": "a"}, "managers": rows})


OURS = ("mcp", "MCP", "ｍｃｐ", "m\u0441p", "system", "sy\u0455tem", "policy:demo", "Policy：x", " ", "phasegate")
AN_AGENTS = ("cloud-architect", "Cloud Architect", "qa\u2010specialist")
NOT_AS_IT_LOOKS = ("ada ", "a\u200bda")


@pytest.mark.parametrize("name", [*OURS, *AN_AGENTS, *NOT_AS_IT_LOOKS])
def test_a_name_that_is_ours_is_no_managers(name: str) -> None:
    with pytest.raises(ValidationError, match="no manager can be named"):
        _config(name)


ALIKE = ("Ada", "ａｄａ", "ada", "\u0430d\u0430", "\u00e4da")


@pytest.mark.parametrize("names", [*product(["ada"], ALIKE), ("paul", "pau1"), ("bob", "b0b"), ("I\u0430n", "lan")])
def test_names_that_look_alike_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(ValidationError, match="look alike"):
        _config(*names)


def test_other_names_are_read() -> None:
    assert [row.name for row in _config("ada", "Ben Bo", "øyvind").managers] == ["ada", "Ben Bo", "øyvind"]


def test_a_key_has_one_name() -> None:
    key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    rows = [{"name": name, "public_key": key} for name in ("ada", "bob")]
    with pytest.raises(ValidationError, match="'ada' and 'bob' have the same key"):
        Config.model_validate({"project": {"name": "a", "package": "a"}, "managers": rows})


def test_the_agents_whose_names_are_reserved_are_those_of_the_shipped_cards() -> None:
    folder = Path(__file__).parents[3] / "agents"
    assert set(AGENTS) == {card.stem for card in folder.glob("*.md")} - {"manager"}
