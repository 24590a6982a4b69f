"""Wording of criteria: numbers, bounds, durations and dates as people write them in *Given*."""

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from phasegate.runbooks.runtime import dates


class Bound(StrEnum):
    """Relation of a value to the number that a text names."""

    exact = "exact"
    more = "more"
    least = "least"
    less = "less"
    most = "most"
    other = "other"


_BOUNDS = {
    Bound.least: r"at least|no less than|no fewer than|not less than|not fewer than|not below|not under|>=|≥",
    Bound.most: r"at most|no more than|not more than|not over|not above|not older than|up to|<=|≤",
    Bound.other: r"is not|are not|isn't|not|other than|anything but|different from|neither|nor|!=|≠",
    Bound.more: r"more than|greater than|longer than|older than|larger than|bigger than|over|above|exceeding|beyond|>",
    Bound.less: r"less than|fewer than|shorter than|younger than|smaller than|under|below|<",
    Bound.exact: r"exactly|precisely|equal to|equals|==|=",
}
BOUND = "|".join(_BOUNDS.values())
"""Words and signs before a value, as alternatives of a regular expression."""
_AFTER = {
    Bound.least: r"or (?:more|older|longer|larger|greater|above|over|earlier)",
    Bound.most: r"or (?:less|fewer|younger|shorter|smaller|below|under|newer)",
}
AFTER = "|".join(_AFTER.values())
"""The same behind a number: `30 days or more`."""
_UNITS = {"day": 1.0, "week": 7.0, "hour": 1 / 24, "minute": 1 / 1440}
_UNIT = "(?:full |whole |calendar )?(day|week|hour|minute)s?"
DURATION = re.compile(
    rf"(?:\b(?P<before>(?:in|within|over|during|for|of)?(?: the)?(?: last| past| previous| next)?) )??"
    rf"(?:(?P<bound>{BOUND}) )?(?<![\w./-])(?P<number>\d+(?:\.\d+)?)(?: (?P<inner>{AFTER}))?[ -]{_UNIT}\b"
    rf"(?:,? (?:and )?(?P<more>\d+) (?P<smaller>hour|minute|day)s?\b)?"
    rf"(?: (?P<after>{AFTER}))?(?P<tail> ago| old| ahead| from now|-old)?(?: (?P<last>{AFTER}))?",
    re.IGNORECASE,
)
LONGER_UNIT = re.compile(r"(?<![\w./-])\d+[ -](?:month|year|quarter)s?\b", re.IGNORECASE)
DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[ T]+\d{2}:?\d{2}(?::\d{2})?)?(?: ?(?:UTC|GMT|Z)\b)?")
"""A date as people, tags and AWS's texts write it."""
_CLOCK = re.compile(rf"\bclock\b[^`,;]{{0,20}}?({DATE.pattern})|\b(?:now|today) is ({DATE.pattern})", re.IGNORECASE)
_WORDS = {
    **{"zero": "0", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8"},
    **{"nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "fourteen": "14", "fifteen": "15", "twenty": "20"},
    **{"thirty": "30", "forty": "40", "sixty": "60", "ninety": "90"},
}
_NUMBER_WORD = re.compile(
    rf"\b({'|'.join(_WORDS)})\b(?=(?: (?:{AFTER}))?[ -](?:days?|weeks?|hours?|minutes?|months?|years?|percent)\b)",
    re.IGNORECASE,
)
_A_UNIT = re.compile(r"\b(?:an?|one) (?=(?:day|week|hour|minute)\b)", re.IGNORECASE)
_IN_QUOTES = re.compile(r"`([A-Za-z][\w.:/-]*?) ?(==|!=|>=|<=|=|<|>|:(?= )) ?['\"]?([^`'\"]*)['\"]?`")
_BARE = re.compile(r"(?<![\w`/=.-])([A-Za-z][\w:.-]*)=([\w.-]+)(?![\w`=])")
_DOUBLE = re.compile(r'"([^"`]+)"')


class Age(NamedTuple):
    """A duration that a text names."""

    words: str
    days: float
    bound: Bound
    before: str
    """Preposition before it: `in the last`, `for`."""
    tail: str
    """`ago`, `old`, `ahead`, `from now`, or empty."""
    begin: int
    end: int


def plain_form(text: str) -> str:
    """Return a text with assignments, numbers and quotation marks in one form.

    >>> plain_form('tagged Environment=dev for two weeks, with `Size >= 100` and "State"')
    'tagged `Environment` = `dev` for 2 weeks, with `Size` >= `100` and `State`'
    """
    text = _DOUBLE.sub(r"`\1`", text)
    text = _IN_QUOTES.sub(lambda found: f"`{found[1]}` {found[2].replace(':', '=')} `{found[3]}`", text)
    text = _BARE.sub(r"`\1` = `\2`", text)
    text = _A_UNIT.sub("1 ", text)
    return _NUMBER_WORD.sub(lambda found: _WORDS[found[1].lower()], text)


def bound_of(before: str | None, after: str | None = None) -> Bound:
    """Return the relation that the words around a number say.

    >>> bound_of("more than").value, bound_of(None, "or older").value, bound_of(None).value
    ('more', 'least', 'exact')
    """
    for words, known in ((after, _AFTER), (before, _BOUNDS)):
        for bound, pattern in known.items():
            if words and re.fullmatch(pattern, words, re.IGNORECASE):
                return bound
    return Bound.exact


def around(bound: Bound, value: Any, step: Any) -> tuple[Any, ...]:
    """Return the values by which a bound shows: on it where it counts, and a step beyond.

    >>> around(Bound.least, 30, 1), around(Bound.less, 30, 1)
    ((30, 31), (29,))
    """
    beyond = {Bound.more: value + step, Bound.least: value + step, Bound.less: value - step, Bound.most: value - step}
    if bound in (Bound.exact, Bound.other):
        return (value,)
    return (beyond[bound],) if bound in (Bound.more, Bound.less) else (value, beyond[bound])


def ages(text: str) -> Iterator[Age]:
    """Yield the durations of a text, in days."""
    for found in DURATION.finditer(text):
        days = float(found["number"]) * _UNITS[found[5].lower()]
        days += float(found["more"] or 0) * _UNITS[(found["smaller"] or "day").lower()]
        after = found["inner"] or found["after"] or found["last"]
        yield Age(
            found[0].strip(),
            days,
            bound_of(found["bound"], after),
            (found["before"] or "").strip().lower(),
            (found["tail"] or "").strip(" -").lower(),
            found.start(),
            found.end(),
        )


def clock(text: str) -> datetime | None:
    """Return the time at which a text sets the clock, None where it sets none.

    >>> clock("the tag `due` and the clock at 2026-11-18 20:10 UTC").isoformat()
    '2026-11-18T20:10:00+00:00'
    """
    found = _CLOCK.search(text)
    return dates.moment(found[1] or found[2]) if found else None


def without_clock(text: str) -> str:
    """Return a text with its clock blanked out."""
    return _CLOCK.sub(lambda found: " " * len(found[0]), text)
