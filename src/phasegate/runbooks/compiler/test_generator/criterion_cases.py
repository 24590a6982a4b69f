"""Comparison of a criterion with the runbook: the cases of its *Given*, and the verdict of its *Then*.

`30 days and 1 hour ago`, `4.9 percent`, the tag `keep` with an empty value, `Size` = `100`: each becomes a row of its
own, so that the test shows that very criterion and not only one like it. What nobody reads is said.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from jmespath.exceptions import JMESPathError

from phasegate.core.criteria import Criterion
from phasegate.runbooks.compiler.test_generator import oracle
from phasegate.runbooks.compiler.test_generator.answer_fields import TAG, Slot
from phasegate.runbooks.compiler.test_generator.choose import Chooser, Example, words_of
from phasegate.runbooks.compiler.test_generator.claims import Claim, Reading, Unread, Way, read_given
from phasegate.runbooks.compiler.test_generator.item_model import Anatomy
from phasegate.runbooks.compiler.test_generator.places import Places
from phasegate.runbooks.compiler.test_generator.values import Ago, Count
from phasegate.runbooks.language.criterion_kind import Moment, is_of_cost, moment
from phasegate.runbooks.language.expressions import parse
from phasegate.runbooks.language.model import Measure
from phasegate.runbooks.runtime.values import truth

_NOUN = r"(?:found|reported|listed|flagged|shown|included|among the findings|in the report|a finding|findings?)"
_NOT_FOUND = re.compile(
    rf"\b(?:not|never|no longer|neither|isn't|aren't)(?: (?:be|been|is|are))? {_NOUN}\b"
    r"|\bno (?:finding|item|result)s?\b|\bnothing is (?:found|reported|listed|flagged)"
    r"|\b(?:does not|doesn't|must not|should not|will not) appear|\bis ignored\b|\bstays out\b",
    re.IGNORECASE,
)
_LEFT_OUT = re.compile(r"left out|\bskipped\b|excluded", re.IGNORECASE)
_UNKNOWN = re.compile(r"\bunknown\b", re.IGNORECASE)
_WARNED = re.compile(r"\bwarn(?:ed|ing|s)?\b", re.IGNORECASE)
_FOUND = re.compile(r"\b(found|reported|listed|flagged|findings?|appears)\b", re.IGNORECASE)
_EXPRESSION = re.compile(r"`(.+)` (holds|does not hold)\b")
_MOST_WAYS = 64
_MOST_READ = 2_000
"""Characters of a Given up to which it is read, since the time for it grows with their square."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Comparison of a criterion's verdict with the runbook's."""

    cases: tuple[Example, ...] = ()
    differs: str = ""
    """Words for the verdict that the runbook gives in place of the criterion's; empty: it gives that one."""
    unread: tuple[Unread, ...] = ()


def verdicts(criterion: Criterion) -> tuple[str, ...]:
    """Return the verdicts that a criterion allows, none where it asks for none.

    >>> verdicts(Criterion(id="AC-001", given="", when="the runbook runs", then="it is not found"))
    ('none', 'skip', 'unknown')
    >>> verdicts(Criterion(id="AC-001", given="", when="the runbook runs", then="no finding is reported"))
    ('none', 'skip', 'unknown')
    """
    then = criterion.then
    if moment(criterion) is not Moment.scan or is_of_cost(criterion):
        return ()
    if _NOT_FOUND.search(then) and not _LEFT_OUT.search(then):
        return ("none", "skip", "unknown")
    if _LEFT_OUT.search(then):
        return ("skip", "none")
    if _UNKNOWN.search(then):
        return ("unknown",)
    if _WARNED.search(then):
        return ("warn",)
    return ("match",) if _FOUND.search(then) else ()


def compared(chooser: Chooser, anatomy: Anatomy, known: Sequence[Example], criterion: Criterion) -> Comparison:
    """Compare a criterion that asks for a verdict with what the runbook says of the item that its *Given* describes.

    Args:
        chooser: asks the runbook for verdicts.
        anatomy: of the runbook's item.
        known: the examples, the usual match first.
        criterion: of the spec.
    """
    if len(criterion.given) > _MOST_READ:
        why = f"its Given is longer than {_MOST_READ:,} characters"
        return Comparison(unread=(Unread(words="", why=why, fix="make several criteria of it"),))
    expression = _EXPRESSION.search(criterion.given)
    if expression:
        return _of_expression(chooser, known, expression[1], criterion, holds=expression[2] == "holds")
    places = Places(anatomy, known[0].choice)
    return _Judge(chooser, places, known[0], criterion, read_given(places, criterion.given)).compare()


def _of_expression(
    chooser: Chooser, known: Sequence[Example], text: str, criterion: Criterion, *, holds: bool
) -> Comparison:
    try:
        parse(text)
    except (JMESPathError, ValueError):
        return Comparison(unread=(Unread(words=f"`{text}`", why="it is no expression of the runbook language"),))
    with_row = [(example, row) for example in known if (row := chooser.judged_row(example.choice)) is not None]
    told = [example for example, row in with_row if truth(oracle.ask(text, row)) is holds]
    allowed = verdicts(criterion)
    if not told:
        return Comparison(unread=(Unread(words=f"`{text}`", why="no example was found to compare it by"),))
    opposite = "match" if "match" not in allowed else "none"
    against = next((example for example in told if example.verdict == opposite), None)
    if against or all(example.verdict not in allowed for example in told):
        return Comparison(differs=_says(against or told[0], against.words if against else told[0].words))
    return Comparison()


def _says(example: Example, words: str) -> str:
    return f"{words}: runbook.yaml says {_VERDICTS[example.verdict]}"


_VERDICTS = {"match": "found", "warn": "a warning", "skip": "left out", "unknown": "unknown", "none": "not found"}


@dataclass(frozen=True)
class _Judge:
    chooser: Chooser
    places: Places
    usual: Example
    criterion: Criterion
    reading: Reading

    def compare(self) -> Comparison:
        sure = [claim for claim in self.reading.claims if claim.sure]
        cases, windows = self._fitting(sure), list(self._unmatched_windows())
        if cases is None and windows and "match" not in self._allowed:
            return Comparison(unread=(*self.reading.unread, *windows))
        if cases is None:
            case = next(self._ways(sure))[0]
            words = self._words(case.choice) or ", ".join(claim.words for claim in sure)
            return Comparison(differs=_says(case, words), unread=self.reading.unread)
        if window := self._other_window():
            return Comparison(differs=window, unread=self.reading.unread)
        listed, unlisted = self._listed(cases)
        unread = [*self.reading.unread, *unlisted, *windows]
        if not (sure or listed or unread):
            unread.append(
                Unread(words="", why="its Given names no value that runbook.yaml judges by", fix=self._hint())
            )
        return Comparison(cases=(*self._own(sure, cases), *listed), unread=tuple(unread))

    @property
    def _allowed(self) -> tuple[str, ...]:
        return verdicts(self.criterion)

    def _fitting(self, sure: Sequence[Claim]) -> list[Example] | None:
        """Return the cases of the first way to understand the claims by which the runbook gives the right verdict."""
        if not sure:
            return []
        return next((ways for ways in self._ways(sure) if all(case.verdict in self._allowed for case in ways)), None)

    def _ways(self, sure: Sequence[Claim]) -> Iterator[list[Example]]:
        for ways in islice(product(*(claim.ways for claim in sure)), _MOST_WAYS):
            yield [self._case(choice) for choice in _choices(ways)]

    def _case(self, choice: Mapping[Slot, Any]) -> Example:
        whole = {**self.usual.choice, **choice}
        return Example(whole, self.chooser.verdict(whole), self._words(whole))

    def _words(self, choice: Mapping[Slot, Any]) -> str:
        """Return the words for all in which a choice differs from the usual match."""
        usual = self.usual.choice
        return ", ".join(
            words_of(self.chooser.name(slot), value) for slot, value in choice.items() if not _equal(value, usual[slot])
        )

    def _own(self, sure: Sequence[Claim], cases: Iterable[Example]) -> Iterator[Example]:
        """Yield cases that are worth a row: those that differ, and those that name more than the usual state."""
        states = all(isinstance(value, str) and not slot.path[-1].startswith(TAG) for slot, value in _all(sure))
        yield from (case for case in cases if case.words or (sure and not states))

    def _listed(self, cases: Sequence[Example]) -> tuple[list[Example], list[Unread]]:
        """Return the cases of what is named after a listing, and what of it makes no such case."""
        base = cases[0].choice if cases else {}
        soft = [claim for claim in self.reading.claims if not claim.sure]
        tried = [(claim, self._case({**base, **_first(claim.ways[0])})) for claim in soft]
        fitting = [case for _, case in tried if case.verdict in self._allowed]
        if fitting or not tried:
            return fitting, []
        words = ", ".join(claim.words for claim in soft)
        why = f"'{words}' is named, and nothing tells which one it is"
        return [], [Unread(words=words, why=why, fix=self._hint())] if not cases else []

    def _metric_days(self) -> list[float]:
        parts = [self.places.source(slot).part for slot in self.places.measures]
        return [float(part.days) for part in parts if isinstance(part, Measure)]

    def _other_window(self) -> str:
        """Return words for a window of time that the runbook does not look at, though what is found needs it."""
        days = self._metric_days()
        short = [age for age in self.reading.windows if days and age.days < min(days)]
        if not short or "match" not in self._allowed:
            return ""
        return f"'{short[0].words}': runbook.yaml looks at {min(days):g} days"

    def _unmatched_windows(self) -> Iterator[Unread]:
        days = self._metric_days()
        for age in self.reading.windows:
            if age.days not in days:
                why = (
                    f"runbook.yaml looks at {' and '.join(f'{each:g}' for each in days)} days"
                    if days
                    else ("runbook.yaml looks at no such time")
                )
                yield Unread(words=age.words, why=why, fix="name the time that runbook.yaml looks at, or mend it there")

    def _hint(self) -> str:
        shown = list(dict.fromkeys(filter(None, map(self._example, self.places.slots))))
        return f"write it as, for instance, {' or '.join(shown[:3])}" if shown else ""

    def _example(self, slot: Slot) -> str:
        """Return how a criterion names the value of a slot, empty where it has no form."""
        now, name = self.usual.choice[slot], self.chooser.name(slot)
        if slot in self.places.tags.values():
            return f"'the tag `{slot.path[-1].removeprefix(TAG)}`'"
        if isinstance(now, Ago):
            return "'31 days ago'"
        if slot in self.places.measures:
            part = self.places.source(slot).part
            return f"'`{part.name}` = `{now:g}`'" if isinstance(part, Measure) else ""
        if isinstance(now, Count):
            noun = self.places.counted(slot)
            return f"'without {' '.join(noun)}'" if noun else ""
        plain = isinstance(now, bool | int | float) or (isinstance(now, str) and "§" not in now)
        return f"'`{name}` = `{str(now).lower() if isinstance(now, bool) else now}`'" if plain and now != "" else ""


def _choices(ways: Iterable[Way]) -> Iterator[dict[Slot, Any]]:
    """Yield a choice for each combination of the values that hold at once."""
    joined: dict[Slot, tuple[Any, ...]] = {}
    for way in ways:
        joined |= way
    for values in islice(product(*joined.values()), _MOST_WAYS):
        yield dict(zip(joined, values, strict=True))


def _first(way: Way) -> dict[Slot, Any]:
    return {slot: values[0] for slot, values in way.items()}


def _all(claims: Iterable[Claim]) -> Iterator[tuple[Slot, Any]]:
    for claim in claims:
        for way in claim.ways:
            yield from ((slot, value) for slot, values in way.items() for value in values)


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
