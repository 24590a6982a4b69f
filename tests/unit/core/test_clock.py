from datetime import UTC, datetime, timedelta

import pytest

from phasegate.core import FixedClock, SystemClock


@pytest.mark.parametrize("variable", ["SOURCE_DATE_EPOCH", "FAKETIME", "TZ"])
def test_the_machine_tells_the_time_in_utc_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1763496600")
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_fixed_clock_moves_when_it_is_moved() -> None:
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.move(datetime(2026, 1, 2, tzinfo=UTC))
    assert clock.now() == datetime(2026, 1, 2, tzinfo=UTC)
