from datetime import UTC, datetime, timedelta

import pytest

from phasegate.core import FixedClock, SystemClock


def test_the_machine_tells_the_time_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_source_date_epoch_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1763496600")
    assert SystemClock().now() == datetime(2025, 11, 18, 20, 10, tzinfo=UTC)


def test_a_fixed_clock_moves_when_it_is_moved() -> None:
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.move(datetime(2026, 1, 2, tzinfo=UTC))
    assert clock.now() == datetime(2026, 1, 2, tzinfo=UTC)
