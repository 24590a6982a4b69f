"""Claims of a criterion's *Given*: the places of the item that it names, with the values that it gives them."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from phasegate.runbooks.compiler.test_generator.answer_fields import ANSWER, COUNT, Slot
from phasegate.runbooks.compiler.test_generator.places import Places, singular
from phasegate.runbooks.compiler.test_generator.values import ABSENT, Ago, Count
from phasegate.runbooks.compiler.test_generator.wording import (
    AFTER,
    BOUND,
    DATE,
    LONGER_UNIT,
    Age,
    Bound,
    ages,
    around,
    bound_of,
    clock,
    plain_form,
    without_clock,
)
from phasegate.runbooks.runtime import dates

_HOUR = 1 / 24
_OTHER = r"not|other than|neither|nor|isn't|anything but"
Way = Mapping[Slot, tuple[Any, ...]]
"""Values of places: the criterion is claimed for each of them."""
_NOTHING = r"absent|missing|unset|not set|not there|undefined|null|none|nothing|no value"
_AGO = r"(?: (?:day|week|hour)s? (?:ago|old))?"
_ASSIGNED = re.compile(
    rf"`(?P<name>[^`]+)`(?: (?:tag|attribute|field|property|parameter|member|metric))?"
    rf"(?:(?: (?:set|is|are|was|has|having|with|of|at|whose|that|equal))*(?: to)?(?: (?:the|a|an|its))?"
    rf"(?: values?)?(?: of| is)?)?"
    rf"(?: ?(?P<bound>{BOUND}))? ?"
    rf"(?P<values>(?:(?:,? (?:or|and) |, | )?"
    rf"(?:`[^`]*`|(?<= )(?:\d+(?:\.\d+)?{_AGO}|true|false|{_NOTHING}|(?:an )?empty)\b))+)"
    rf"(?: (?P<after>{AFTER}))?",
    re.IGNORECASE,
)
_VALUE = re.compile(rf"`([^`]*)`|(\d+(?:\.\d+)?{_AGO}|true|false|{_NOTHING}|(?:an )?empty)\b", re.IGNORECASE)
_QUOTED = re.compile(r"`([^`]+)`")
_WITHOUT = re.compile(
    r"\b(?:without|no|has no|have no|lacks|lacking)(?: (?:an?|any|the))?(?: (?:tag|attribute))? `([^`]+)`(?: tag)?",
    re.IGNORECASE,
)
_SMALL_WORDS = r"(?!(?:in|over|for|during|within|of|at|on|and|or|by|since|until|that|whose)\b)"
_LACKS = re.compile(
    r"\b(?:without|no|neither|nor|lacks|lacking|never had)(?: (?:an?|any|the|single))? "
    rf"({_SMALL_WORDS}[\w-]+(?: {_SMALL_WORDS}[\w-]+){{0,3}})",
    re.IGNORECASE,
)
_UNTAGGED = re.compile(r"\buntagged\b|\b(?:without|no|has no)(?: any)? tags?\b(?! `)", re.IGNORECASE)
_NO_DATA = re.compile(
    r"\b(?:without|no|has no)(?: any| a| single)* (?:datapoints?|data|metrics?|metric data)\b", re.IGNORECASE
)
_NUMBER = re.compile(
    rf"(?:(?P<bound>{BOUND}) )?(?<![\w./-])`?(?P<number>\d+(?:\.\d+)?)`?(?: ?(?P<percent>%|percent\b))?"
    rf"(?: (?P<after>{AFTER}))?(?=(?P<nouns>(?: [A-Za-z][\w-]*){{0,4}}))",
    re.IGNORECASE,
)
_SIZE = re.compile(r"^ ?[KMGT]i?B\b", re.IGNORECASE)
_SIZED = frozenset(("size", "memory", "storage", "byte", "allocated"))
_WORD = re.compile(r"[A-Za-z][a-z]*")
_MADE = re.compile(
    r"\b(?:created|made|modified|launched|started|stopped|updated|changed|registered|attached|detached|rotated|pushed|"
    r"terminated|deleted|taken|issued)\b[^,`]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Statement of a *Given* about the item."""

    words: str
    ways: tuple[Way, ...]
    """Ways to understand it, one of which is meant; an empty way names what the runbook does not read."""
    sure: bool = True
    """False where it only names what an operation lists, and promises no value."""


@dataclass(frozen=True, kw_only=True)
class Unread:
    """Part of a criterion that no machine compares with the runbook."""

    words: str
    why: str
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Claims of a *Given*, and what of it nobody reads."""

    claims: tuple[Claim, ...]
    unread: tuple[Unread, ...]
    windows: tuple[Age, ...]
    """Durations over which something is measured."""


def read_given(places: Places, given: str) -> Reading:
    """Return what a *Given* claims of the item of a runbook."""
    return _Reader(places, given).read()


@dataclass
class _Reader:
    """Reader of a text, part by part, which blanks out what each part has taken."""

    places: Places
    given: str
    text: str = ""
    clock: datetime | None = None
    unread: list[Unread] = field(default_factory=list)
    windows: list[Age] = field(default_factory=list)

    def read(self) -> Reading:
        text = plain_form(self.given)
        self.clock, self.text = clock(text), without_clock(text)
        parts: tuple[Callable[[], Iterable[Claim]], ...] = (
            self._lacking,
            self._assigned,
            self._tags,
            self._quoted,
            self._missing,
            self._dates,
            self._ages,
            self._numbers,
            self._flags,
            self._states,
            self._listed,
        )
        claims = tuple(chain.from_iterable(list(part()) for part in parts))
        return Reading(claims=claims, unread=tuple(self.unread), windows=tuple(self.windows))

    def _taken(self, found: re.Match[str] | Age) -> None:
        begin, end = (found.begin, found.end) if isinstance(found, Age) else found.span()
        self.text = f"{self.text[:begin]}{' ' * (end - begin)}{self.text[end:]}"

    def _lacking(self) -> Iterator[Claim]:
        """Read `without the tag x`, `no x`, and `untagged`."""
        for found in list(_WITHOUT.finditer(self.text)):
            slots = self.places.named(found[1])
            if slots or self.places.is_member(found[1]) or "tag" in found[0].lower():
                self._taken(found)
                ways = [{slot: (none,)} for slot in slots if (none := self.places.none_of(slot)) is not None]
                yield Claim(words=found[0], ways=tuple(ways) or ({},))
        for found in list(_UNTAGGED.finditer(self.text)):
            self._taken(found)
            yield Claim(words=found[0], ways=({slot: (ABSENT,) for slot in self.places.tags.values()},))

    def _assigned(self) -> Iterator[Claim]:
        """Read a name with its values: `Size` = `100`, the tag `keep` with the value `yes`."""
        at = 0
        while found := _ASSIGNED.search(self.text, at):
            slots = self.places.named(found["name"])
            is_tag = bool(re.search(r"\btag(s|ged)?(?: with)? $", self.text[: found.start()], re.IGNORECASE))
            if not (slots or self.places.is_member(found["name"])) or self._lists_states(found):
                # The second of two quoted texts may begin an assignment of its own.
                at = found.start() + len(found["name"]) + 2
                continue
            self._taken(found)
            at = found.end()
            yield from self._claimed(found, slots, is_tag=is_tag)

    def _lists_states(self, found: re.Match[str]) -> bool:
        """Return whether a name stands in a list of names or values, and has no value of its own."""
        between = self.text[found.start() + len(found["name"]) + 2 : found.start("values")]
        return not between.strip() and bool(re.match(r"\s*(,|or |and )", found["values"]))

    def _claimed(self, found: re.Match[str], slots: Sequence[Slot], *, is_tag: bool) -> Iterator[Claim]:
        bound = bound_of(found["bound"], found["after"])
        texts = [quoted or plain for quoted, plain in _VALUE.findall(found["values"])]
        if not slots:
            yield Claim(words=found[0], ways=({},))
            return
        ways = [{slot: values} for slot in slots if (values := self._values(slot, bound, texts))]
        if ways:
            yield Claim(words=found[0], ways=tuple(ways))
        else:
            name = "tag" if is_tag else "value"
            why = f"runbook.yaml reads `{found['name']}` as another kind of {name}"
            self.unread.append(Unread(words=found[0], why=why, fix=f"give `{found['name']}` a value of its kind"))

    def _values(self, slot: Slot, bound: Bound, texts: Iterable[str]) -> tuple[Any, ...]:
        """Return the values of a slot that texts and a bound name, none where one is not of its kind."""
        found: list[Any] = []
        for text in texts:
            value = self._value(slot, text)
            if value is None:
                return ()
            found += self._bounded(slot, bound, value)
        return tuple(found)

    def _bounded(self, slot: Slot, bound: Bound, value: Any) -> tuple[Any, ...]:
        if bound is Bound.exact:
            return (value,)
        if bound is Bound.other:
            none = self.places.none_of(slot)
            usual = [each for each in self.places.known(slot) if each not in (ABSENT, "", none)]
            return tuple(usual[:1]) if value in (ABSENT, "", none) else self.places.others(slot, value)
        if isinstance(value, Count):
            return tuple(Count(number) for number in around(bound, value.number, 1) if number >= 0)
        if isinstance(value, Ago):
            return tuple(Ago(days, value.form) for days in around(bound, value.days, _HOUR))
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ()
        return around(bound, value, _step(value, measured=slot in self.places.measures))

    def _value(self, slot: Slot, text: str) -> Any:
        """Return a text as a value of the slot's kind, or None where it is none."""
        now, lower = self.places.usual[slot], text.lower()
        if re.fullmatch(_NOTHING, lower):
            return self.places.none_of(slot)
        if lower.endswith("empty"):
            return Count(0) if isinstance(now, Count) else ""
        if isinstance(now, Count):
            return Count(int(text)) if text.isdigit() else None
        if isinstance(now, Ago):
            return self._time(now, text)
        if self.places.is_flag(slot):
            return {"true": True, "false": False}.get(lower)
        if self.places.is_number(slot):
            return _numeric(text)
        return self.places.spelled(slot, text)

    def _time(self, now: Ago, text: str) -> Ago | None:
        found = list(ages(text))
        if len(found) == 1 and found[0].words == text:
            return Ago(found[0].days, now.form)
        days = dates.days_between(text, self.clock) if self.clock else None
        return None if days is None else Ago(days, now.form)

    def _tags(self) -> Iterator[Claim]:
        """Read tags whose values stand apart from them, and tags that the runbook does not read."""
        for found in list(_QUOTED.finditer(self.text)):
            slot = self.places.tags.get(found[1])
            if slot is not None and self.text[found.start() : found.end()] == found[0]:
                self._taken(found)
                yield Claim(words=found[0], ways=({slot: self._tag_values(found.end())},))
            elif re.search(r"\btag(s|ged)?(?: with)? $", self.text[: found.start()], re.IGNORECASE):
                self._taken(found)
                yield Claim(words=f"tag {found[0]}", ways=({},))

    def _tag_values(self, at: int) -> tuple[Any, ...]:
        """Return the values that stand behind a tag, any where none does."""
        found: list[Any] = []
        for quoted in list(_QUOTED.finditer(self.text, at)):
            if quoted[1] not in self.places.tags and not self.places.holding(quoted[1]):
                self._taken(quoted)
                found.append(quoted[1])
        rest = self.text[at:]
        found += [""] if re.search(r"\bempty\b", rest) else []
        found += [ABSENT] if re.search(r"\babsent\b|\bmissing\b", rest) else []
        return tuple(found) or ("yes",)

    def _quoted(self) -> Iterator[Claim]:
        """Read states and other values that stand alone."""
        for found in list(_QUOTED.finditer(self.text)):
            slots = self.places.holding(found[1])
            if not slots and _numeric(found[1]) is not None:
                continue  # read with the numbers
            self._taken(found)
            other = bool(re.search(rf"\b(?:{_OTHER}) (?:in (?:state )?)?$", self.text[: found.start()], re.IGNORECASE))
            ways = [{slot: values} for slot in slots if (values := self._stated(slot, found[1], other=other))]
            if ways:
                yield Claim(words=found[0], ways=tuple(ways))
            elif self.places.is_member(found[1]) or self.places.named(found[1]):
                fix = f"write it with its value, as `{found[1]}` = `…`, or as 'without `{found[1]}`'"
                self.unread.append(Unread(words=found[0], why=f"{found[0]} is named without a value", fix=fix))
            else:
                why = f"runbook.yaml reads nothing that is called {found[0]} or can have this value"
                self.unread.append(Unread(words=found[0], why=why))

    def _stated(self, slot: Slot, text: str, *, other: bool) -> tuple[Any, ...]:
        value = self.places.spelled(slot, text)
        return self.places.others(slot, value) if other else (value,)

    def _missing(self) -> Iterator[Claim]:
        """Read what is not there, by its noun: `without a listener`, `no lifecycle policy`, `without a datapoint`."""
        for found in list(_NO_DATA.finditer(self.text)):
            slots = [
                slot for slot in self.places.slots if slot.path == (ANSWER,) and self.places.source(slot).op is None
            ]
            if slots:
                self._taken(found)
                yield Claim(words=found[0], ways=tuple({slot: (Count(0),)} for slot in slots))
        for found in list(_LACKS.finditer(self.text)):
            words = singular(found[1].split())
            ways = [*self._none(words), *self._unmeasured(words)]
            if ways:
                self._taken(found)
                yield Claim(words=found[0], ways=tuple(ways))

    def _none(self, words: Sequence[str]) -> Iterator[Way]:
        for slot in self.places.lists(words):
            if (none := self.places.none_of(slot)) is not None:
                yield {slot: (none,)}

    def _unmeasured(self, words: Sequence[str]) -> Iterator[Way]:
        for slot in self.places.measures:
            if words[0] in self.places.words(slot):
                yield {slot: (0,)}

    def _dates(self) -> Iterator[Claim]:
        """Read dates, which say an age where the text sets the clock."""
        for found in list(DATE.finditer(self.text)):
            self._taken(found)
            days = dates.days_between(found[0], self.clock) if self.clock else None
            if days is None or not self.places.times:
                fix = "write an age, such as '31 days ago', or name the time of the clock"
                self.unread.append(Unread(words=found[0], why="an age cannot be worked out from this date", fix=fix))
            else:
                yield Claim(words=found[0], ways=self._aged((days,)))

    def _ages(self) -> Iterator[Claim]:
        for found in list(LONGER_UNIT.finditer(self.text)):
            self._taken(found)
            self.unread.append(
                Unread(
                    words=found[0], why="months and years differ in length", fix="write it in days, such as '90 days'"
                )
            )
        told = [age for age in list(ages(self.text)) if not self._is_other(age)]
        if len(told) > 1:
            words = " and ".join(age.words for age in told)
            self.unread.append(
                Unread(words=words, why="nobody knows which of these ages is meant", fix="name one age in a criterion")
            )
        for age in told:
            self._taken(age)
            if not self.places.times:
                self.unread.append(Unread(words=age.words, why="runbook.yaml judges by no point in time"))
            elif len(told) == 1:
                yield Claim(words=age.words, ways=self._aged(self._days(age)))

    def _is_other(self, age: Age) -> bool:
        """Return whether a duration is no age: a window of time, or a number of days that a member holds."""
        behind = self.text[: age.begin]
        beside = re.match(r" of ((?:[\w-]+ ?){1,3})", self.text[age.end :])
        if self._numbers_in_days(beside[1] if beside else behind):
            return True
        if not age.before or age.tail or _MADE.search(behind) or (self.places.times and not self.places.measures):
            return False
        self._taken(age)
        self.windows.append(age)
        return True

    def _numbers_in_days(self, behind: str) -> bool:
        """Return whether a text ends with the name of a number that has no clock: `a retention of 30 days`."""
        words = singular(_WORD.findall(behind)[-4:])
        slots = [slot for slot in self._numeric() if slot not in self.places.measures]
        return bool(self.places.worded(words, slots)) and not re.search(r"\b(?:created|made|launched)\b", behind)

    def _days(self, age: Age) -> tuple[float, ...]:
        """Return the ages in days by which a duration shows."""
        if "last" in age.before or "past" in age.before or "previous" in age.before or age.before == "within":
            unlike = re.search(r"\b(?:not|never)\b", self.text[: age.begin], re.IGNORECASE)
            return around(Bound.more if unlike else Bound.less, age.days, _HOUR)
        days = around(age.bound, age.days, _HOUR)
        ahead = age.tail in ("ahead", "from now") or age.before == "in" or "next" in age.before
        return tuple(-each for each in days) if ahead else days

    def _aged(self, days: Sequence[float]) -> tuple[Way, ...]:
        ways = []
        for slot in self.places.times:
            now = self.places.usual[slot]
            values = [Ago(each, now.form) if isinstance(now, Ago) else _redated(now, each) for each in days]
            ways.append({slot: tuple(values)})
        return tuple(ways)

    def _numbers(self) -> Iterator[Claim]:
        told: dict[tuple[Slot, ...], list[re.Match[str]]] = {}
        for found in list(_NUMBER.finditer(self.text)):
            slots = tuple(self._counted(found))
            told.setdefault(slots, []).append(found)
        for slots, each in told.items():
            words = " and ".join(_told(found) for found in each)
            if slots and len(each) == 1:
                ways = [self._numbered(slot, each[0]) for slot in slots]
                yield Claim(words=words, ways=tuple(way for way in ways if any(way.values())))
            elif slots:
                fix = "name one of them in a criterion"
                self.unread.append(Unread(words=words, why="nobody knows which of these values is meant", fix=fix))
            else:
                self.unread.append(
                    Unread(words=words, why="nothing that runbook.yaml judges by is known by these words")
                )

    def _counted(self, found: re.Match[str]) -> Iterator[Slot]:
        """Yield the slots whose number a text names, by the nouns beside it."""
        nouns = singular(_WORD.findall(found["nouns"]))
        before = singular(_WORD.findall(self.text[: found.start()])[-4:])
        if found["percent"]:
            yield from self.places.shares() or self.places.worded(before, self._numeric())
            return
        if _SIZE.match(found["nouns"]):
            sized = [slot for slot in self._numeric() if _SIZED & {*self.places.words(slot)}]
            yield from self.places.worded(before, sized) or sized
            return
        counts = [slot for slot in self.places.lists(nouns, whole=False) if slot.path[-1] == COUNT]
        yield from counts or self.places.worded([*nouns, *before], self._numeric())

    def _numeric(self) -> list[Slot]:
        return [slot for slot in self.places.slots if self.places.is_number(slot) and not self.places.is_flag(slot)]

    def _numbered(self, slot: Slot, found: re.Match[str]) -> Way:
        return {slot: self._values(slot, bound_of(found["bound"], found["after"]), [found["number"]])}

    def _flags(self) -> Iterator[Claim]:
        """Read members that are true or false, by their words: `publicly accessible`, `storage is not encrypted`."""
        for slot in [slot for slot in self.places.slots if self.places.is_flag(slot)]:
            words = self.places.words(slot)
            if not words or not all(re.search(rf"\b(?:un)?{word}", self.text, re.IGNORECASE) for word in words):
                continue
            no = rf"\b(?:not|isn't|never|no|without|off)\b(?: \w+)?? {words[-1]}|\bun{words[-1]}"
            yield Claim(words=" ".join(words), ways=({slot: (not re.search(no, self.text, re.IGNORECASE),)},))

    def _states(self) -> Iterator[Claim]:
        """Read the item's state, where it stands before its noun or behind a verb: `a stopped instance`."""
        told = {
            value: slot
            for slot, value in self.places.states()
            if re.search(rf"\b(?:an?|the|is|are|state|status) {re.escape(value)}(?![\w-])", self.text, re.IGNORECASE)
        }
        if len(told) == 1:
            for value, slot in told.items():
                yield Claim(words=value, ways=({slot: (value,)},))

    def _listed(self) -> Iterator[Claim]:
        """Read what is named after a listing, which may be there."""
        words = singular(_WORD.findall(self.text))
        for slot in self.places.lists(words):
            if self.places.usual[slot] == Count(0):
                yield Claim(words=" ".join(self.places.counted(slot)), ways=({slot: (Count(1),)},), sure=False)


def _told(found: re.Match[str]) -> str:
    return " ".join(filter(None, (found["bound"], found["number"], found["percent"])))


def _numeric(text: str) -> int | float | None:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return None


def _step(value: float, *, measured: bool) -> float:
    return 0.1 if measured or not isinstance(value, int) else 1


def _redated(text: str, days: float) -> str:
    """Return a text with its date put so many days before the tests' clock, written as it was."""
    at = Ago(days).moment

    def written(found: re.Match[str]) -> str:
        old = found[0]
        slash = "/" if "/" in old else "-"
        day = at.strftime(f"%Y{slash}%m{slash}%d")
        time = re.search(r"([ T]+)\d{2}(:?)\d{2}(:\d{2})?(.*)$", old)
        if time is None:
            return day
        seconds = ":%S" if time[3] else ""
        return f"{day}{time[1]}{at.strftime(f'%H{time[2]}%M{seconds}')}{time[4]}"

    return DATE.sub(written, text, count=1)
