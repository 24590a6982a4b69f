"""Time zones by the names that people write, and an error where there is none of that name."""

from datetime import UTC, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

_ALIASES = {
    "pt": "America/Los_Angeles",
    "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles",
    "at": "America/Phoenix",
    "ast": "America/Phoenix",
    "mt": "America/Denver",
    "mst": "America/Denver",
    "mdt": "America/Denver",
    "ct": "America/Chicago",
    "cst": "America/Chicago",
    "cdt": "America/Chicago",
    "et": "America/New_York",
    "est": "America/New_York",
    "edt": "America/New_York",
    "brt": "America/Sao_Paulo",
    "bst": "Europe/London",
    "ist": "Europe/Dublin",
    "cet": "Europe/Berlin",
    "it": "Asia/Kolkata",
    "sgt": "Asia/Singapore",
    "jst": "Asia/Tokyo",
    "kst": "Asia/Seoul",
    "aet": "Australia/Sydney",
}
"""Abbreviations as Cloud Custodian reads them (`TZ_ALIASES` of its off-hours filter): a place with its summer time."""
_UTC = {"utc", "gmt", "gt", "z", "etc/utc", "etc/gmt"}


class UnknownZone(ValueError):
    """No time zone of that name, or no time zone data on this machine."""


@cache
def zone(name: str) -> tzinfo:
    """A time zone by its name or an abbreviation, in any case.

    >>> zone("est").key, zone("europe/berlin").key
    ('America/New_York', 'Europe/Berlin')

    Raises:
        UnknownZone: there is no such zone; nothing may then be judged or changed by it.
    """
    folded = name.strip().lower()
    if folded in _UTC:
        return UTC
    for spelling in filter(None, (_ALIASES.get(folded), _spellings().get(folded))):
        try:
            return ZoneInfo(spelling)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    missing = "" if _spellings() else ": this machine has no time zone data; install the package tzdata"
    raise UnknownZone(f"there is no time zone {name!r}{missing}")


@cache
def _spellings() -> dict[str, str]:
    """Every name of the time zone database by its lower case."""
    return {name.lower(): name for name in sorted(available_timezones())}
