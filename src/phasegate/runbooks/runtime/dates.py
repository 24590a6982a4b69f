"""Points in time as AWS writes them: ISO 8601, seconds or milliseconds since 1970, and dates in tags."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

_SECONDS_A_DAY = 86_400
_MILLISECONDS_FROM = 1e11
ISO_DATE = "%Y-%m-%d"
_DATE = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T]+(\d{2}):?(\d{2})(?::(\d{2}))?)?\s*(?:UTC|GMT|Z)?", re.IGNORECASE
)


def moment(value: Any) -> datetime | None:
    """Return a value as a point in time in UTC, or None where it is none.

    A number is seconds since 1970, or milliseconds where seconds would be after the year 5000. A time without a
    zone is UTC.

    >>> moment("2026/11/18 2000 UTC")
    datetime.datetime(2026, 11, 18, 20, 0, tzinfo=datetime.timezone.utc)
    >>> moment("2026-11-18 20:10:30 GMT")
    datetime.datetime(2026, 11, 18, 20, 10, 30, tzinfo=datetime.timezone.utc)
    """
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _since_1970(value)
    return _written(value.strip()) if isinstance(value, str) else None


def days_between(earlier: Any, later: datetime) -> float | None:
    """Return the fractional days from a value that `moment` reads to a point in time, or None where it is none."""
    begin = moment(earlier)
    return None if begin is None else (later - begin).total_seconds() / _SECONDS_A_DAY


def iso(value: Any) -> Any:
    """The time that an answer of AWS carries, as ISO 8601 in UTC, so that times compare as strings."""
    at = moment(_number(value))
    return value if at is None else at.isoformat()


def in_days(now: datetime, days: float, form: str = ISO_DATE) -> str:
    """The time so many days from now, in UTC, as `strftime` writes it.

    >>> now = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
    >>> in_days(now, 7), in_days(now, -1, "%Y/%m/%d")
    ('2026-12-02', '2026/11/24')
    """
    return (now.astimezone(UTC) + timedelta(days=days)).strftime(form)


def first_of_month(now: datetime, months: int) -> str:
    """The first day of the month so many months from now: `2026-11-01`.

    >>> first_of_month(datetime(2026, 1, 15, tzinfo=UTC), -1)
    '2025-12-01'
    """
    count = now.year * 12 + now.month - 1 + months
    return f"{count // 12:04d}-{count % 12 + 1:02d}-01"


def _since_1970(value: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _written(text: str) -> datetime | None:
    found = _DATE.fullmatch(text)
    try:
        if found:
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return _in_utc(datetime.fromisoformat(text))
    except ValueError:
        return None


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _number(value: Any) -> Any:
    """A number in a string, as query and header protocols carry epoch times."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
