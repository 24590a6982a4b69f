"""Durations of a workflow: what is absurd is refused when it is read."""

import pytest
from pydantic import ValidationError

from phasegate.team import Gate


@pytest.mark.parametrize("text", ["99999999999w", "3651d", "9" * 5000 + "m", "1000w", "5256001m"])
def test_a_duration_of_more_than_ten_years_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="a duration is at most 3650d"):
        Gate.model_validate({"name": "g", "expires_after": text})


@pytest.mark.parametrize("text", ["1m", "14d", "3650d", "5256000m"])
def test_a_duration_of_ten_years_and_less_is_read(text: str) -> None:
    assert Gate.model_validate({"name": "g", "expires_after": text}).expires_after
