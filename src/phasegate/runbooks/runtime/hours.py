"""Hours of the week: off-hours tags, and the window in which changes are allowed."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from .zones import UnknownZone, zone

_LETTERS = "MTWHFSU"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAYS = range(5)
_OFF = re.compile(r"off=\[?((?:\([a-z](?:-[a-z])?,\d{1,2}\),?)+)\]?")
_PART = re.compile(r"\(([a-z])(?:-([a-z]))?,(\d{1,2})\)")
_WINDOW = re.compile(r"(\w{3})(?:-(\w{3}))?\s+(\d\d:\d\d)-(\d\d:\d\d)(?:\s+(\S+))?")


def off_now(now: datetime, tag: str | None, hour: int, zone_name: str = "utc") -> bool:
    """Return whether an off-hours tag stops the resource in the current hour.

    No tag, or the values `''`, `on` and `true`: at `hour`, Monday to Friday. `off` and `false`: never. Else the value
    holds `off=(M-F,20)`, days by the letters M T W H F S U, and may hold `tz=`; hours that cannot be read stop nothing.
    An hour that the clock skips in spring is the one after it; one that comes twice in autumn is the first.

    Raises:
        UnknownZone: there is no time zone of that name.
    """
    text = re.sub(r"\s", "", (tag or "").lower())
    if text in ("off", "false"):
        return False
    place = zone(_part_of(text, "tz") or zone_name)
    if text in ("", "on", "true"):
        return now.astimezone(place).weekday() in _WEEKDAYS and _is_hour(now, hour, place)
    found = _OFF.search(text)
    return found is not None and any(_falls_on(now, place, *part) for part in _PART.findall(found.group(1)))


def _part_of(text: str, name: str) -> str | None:
    return next((part.removeprefix(f"{name}=") for part in text.split(";") if part.startswith(f"{name}=")), None)


def _falls_on(now: datetime, place: tzinfo, first: str, last: str, hour: str) -> bool:
    begin, end = _LETTERS.find(first.upper()), _LETTERS.find((last or first).upper())
    if begin < 0 or end < 0:
        return False
    return _day_within(now.astimezone(place).weekday(), begin, end) and _is_hour(now, int(hour), place)


def _is_hour(now: datetime, hour: int, place: tzinfo) -> bool:
    if hour not in range(24):
        return False
    begin = datetime.combine(now.astimezone(place).date(), time(hour), place).astimezone(UTC)
    return begin <= now < begin + timedelta(hours=1)


def _day_within(day: int, begin: int, end: int) -> bool:
    return begin <= day <= end if begin <= end else day >= begin or day <= end


class Window(NamedTuple):
    """Days and hours in which changes are allowed."""

    first_day: int
    last_day: int
    begin: time
    end: time
    zone: str

    @classmethod
    def read(cls, text: str) -> "Window":
        """Parse `Mon-Fri 08:00-17:00 UTC`.

        Raises:
            ValueError: it is not of that form.
        """
        found = _WINDOW.fullmatch(text.strip())
        if not found:
            raise ValueError(f"{text!r} is no window; write it like 'Mon-Fri 08:00-17:00 UTC'")
        first, last, begin, end, zone = found.groups()
        days = [_DAYS.index(day.lower()) for day in (first, last or first)]
        return cls(days[0], days[1], time.fromisoformat(begin), time.fromisoformat(end), zone or "UTC")

    def is_open(self, now: datetime) -> bool:
        """Return whether a change may be made now.

        A window over midnight belongs to the day on which it opens.

        A window in a time zone that is not known is closed.
        """
        try:
            here = now.astimezone(zone(self.zone))
        except UnknownZone:
            return False
        clock = here.time().replace(tzinfo=None)
        if self.begin <= self.end:
            return _day_within(here.weekday(), self.first_day, self.last_day) and self.begin <= clock < self.end
        opened = here.weekday() if clock >= self.begin else (here.weekday() - 1) % 7
        return _day_within(opened, self.first_day, self.last_day) and (clock >= self.begin or clock < self.end)
