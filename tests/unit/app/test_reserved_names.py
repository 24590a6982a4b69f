"""Names that a manager cannot have, and names that look alike."""

import pytest
from pydantic import ValidationError

from phasegate.app.config import Config


def _config(*names: str) -> Config:
    rows = [{"name": name, "public_key": "k"} for name in names]
    return Config.model_validate({"project": {"name": "a", "package": "a"}, "managers": rows})


@pytest.mark.parametrize("name", ["mcp", "MCP", "ｍｃｐ", "system", "policy:demo", "Policy：x", " ", "phasegate"])
def test_a_name_that_is_ours_is_no_managers(name: str) -> None:
    with pytest.raises(ValidationError, match="no manager can be named"):
        _config(name)


@pytest.mark.parametrize("names", [("ada", "Ada"), ("ada", "ａｄａ"), ("ada", "ada")])
def test_names_that_look_alike_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(ValidationError, match="look alike"):
        _config(*names)


def test_other_names_are_read() -> None:
    assert [row.name for row in _config("ada", "Ben Bo", "øyvind").managers] == ["ada", "Ben Bo", "øyvind"]
