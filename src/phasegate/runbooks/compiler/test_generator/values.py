"""Values that an example can hold beside plain ones, and what each looks like to an expression and in a test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

NOW: Final = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
"""The clock of every emitted test: a Wednesday."""
ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
ELSEWHERE: Final = "eu-west-1"
"""Region of items that say which is theirs."""
NUMBER: Final = "§"
"""Stands in a text for the number of the example, so that names differ from example to example."""


class Absent:
    """No value: the member is left out."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


@dataclass(frozen=True)
class Ago:
    """A point in time, so many days before the clock of the test (after it where negative)."""

    days: float
    form: str = "time"
    """`time` as AWS's timestamps; `ms` and `s` since 1970; `text` as ISO 8601 in a string; `date` as 2026/11/18."""

    @property
    def moment(self) -> datetime:
        """In UTC."""
        return NOW - timedelta(days=self.days)

    def plain(self) -> Any:
        """Return the value as an expression reads it."""
        match self.form:
            case "ms":
                return int(self.moment.timestamp() * 1000)
            case "s":
                return int(self.moment.timestamp())
            case "text":
                return self.moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            case "date":
                return self.moment.strftime("%Y/%m/%d %H%M UTC")
            case _:
                return self.moment.isoformat()

    def __str__(self) -> str:
        """In words: `30 days and 1 hour ago`."""
        hours = round(abs(self.days) * 24)
        days, hours = divmod(hours, 24)
        parts = [f"{days} day{'s' * (days != 1)}"] if days else []
        parts += [f"{hours} hour{'s' * (hours != 1)}"] if hours else []
        return f"{' '.join(parts) or 'now'} {'' if not parts else 'ahead' if self.days < 0 else 'ago'}".strip()


@dataclass(frozen=True)
class Count:
    """Number of rows or elements of a list."""

    number: int


@dataclass(frozen=True)
class Fails:
    """A call that AWS answers with an error."""

    code: str


def plain(value: Any) -> Any:
    """The value as an expression meets it, nested ones too."""
    if isinstance(value, Ago):
        return value.plain()
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value


def numbered(value: Any, number: int | str) -> Any:
    """The value with the example's number put into every text, nested ones too."""
    if isinstance(value, str):
        return value.replace(NUMBER, str(number))
    if isinstance(value, dict):
        return {numbered(key, number): numbered(entry, number) for key, entry in value.items()}
    if isinstance(value, list):
        return [numbered(entry, number) for entry in value]
    return value
