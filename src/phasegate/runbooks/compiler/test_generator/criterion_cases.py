"""Cases that the spec itself promises: what a criterion's *Given* names, with the verdict that its *Then* asks for.

`30 days and 1 hour ago`, `4.9 percent`, the tag `keep` with an empty value, the state `in-use`: each becomes a row of
its own, so that the test shows that very criterion and not only one like it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from phasegate.core.criteria import Criterion
from phasegate.runbooks.compiler.test_generator.answer_fields import ANSWER, ELEMENT, TAG, Slot, Source
from phasegate.runbooks.compiler.test_generator.choose import Chooser, Example, words_of
from phasegate.runbooks.compiler.test_generator.values import ABSENT, Ago, Count
from phasegate.runbooks.language.criterion_kind import Moment, is_of_cost, moment
from phasegate.runbooks.language.model import Measure

_NOT_FOUND = re.compile(r"\bnot (be )?(found|reported|listed|flagged|a finding)\b", re.IGNORECASE)
_LEFT_OUT = re.compile(r"left out|\bskipped\b|excluded", re.IGNORECASE)
_UNKNOWN = re.compile(r"\bunknown\b", re.IGNORECASE)
_FOUND = re.compile(r"\b(found|reported|listed|flagged|finding)\b", re.IGNORECASE)
_DURATION = re.compile(r"(\d+) days?(?: and (\d+) hours?)?|(\d+) hours?")
_WINDOW = re.compile(
    r"\b(?:in|within|over|during|for|of|the|last|past|previous|next) (?=\d+ (?:day|hour)s?\b(?! ago| old))"
)
"""Stands before a duration that is no age: `in 14 days`, `over the last 7 days`."""
_NUMBER = re.compile(r"(?<![\w./-])(\d+(?:\.\d+)?)(?= ?(?:percent|%))")
_NUMBERED = re.compile(r"(?<![\w./-])`?(\d+(?:\.\d+)?)`?(?: \w+)?? (\w+)")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_QUOTED = re.compile(r"`([^`]+)`")


def verdicts(criterion: Criterion) -> tuple[str, ...]:
    """Return the verdicts that a criterion allows, none where it asks for none.

    >>> verdicts(Criterion(id="AC-001", given="", when="the runbook runs", then="it is not found"))
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
    return ("match",) if _FOUND.search(then) else ()


def promised(
    chooser: Chooser, sources: Mapping[str, Source], known: Mapping[Slot, list[Any]], usual: Example, one: Criterion
) -> list[Example]:
    """Return the cases of a criterion whose *Given* names values.

    Raises:
        LookupError: the runbook gives another verdict for what it names.
    """
    named = list(_named(sources, known, usual, one.given))
    # What every finding has is no case of its own beside what differs from it.
    differs = [(slot, [value for value in values if value != usual.choice[slot]]) for slot, values in named]
    differs = [(slot, values) for slot, values in differs if values]
    if named and not differs and usual.verdict not in verdicts(one):
        raise LookupError(one.id)
    found: list[Example] = []
    tried = differs or [(slot, values) for slot, values in named if not _is_state(slot, usual)]
    for slot, values in tried:
        cases = [_case(chooser, usual, slot, value) for value in values]
        fitting = [case for case in cases if case.verdict in verdicts(one)]
        # A criterion that names a tag promises it for every value, so one that differs contradicts it.
        if _is_tag(slot) and len(fitting) < len(cases):
            raise LookupError(one.id)
        found += fitting
    # What is only named after a listing promises no value, so nothing contradicts it.
    if not found and any(slot.path[-1] != ANSWER for slot, _ in tried):
        raise LookupError(one.id)
    return found


def _case(chooser: Chooser, usual: Example, slot: Slot, value: Any) -> Example:
    choice = {**usual.choice, slot: value}
    return Example(choice, chooser.verdict(choice), words_of(chooser.name(slot), value))


def _is_state(slot: Slot, usual: Example) -> bool:
    return not _is_tag(slot) and isinstance(usual.choice[slot], str)


def _is_tag(slot: Slot) -> bool:
    return slot.path[-1].startswith(TAG)


def _named(
    sources: Mapping[str, Source], known: Mapping[Slot, list[Any]], usual: Example, given: str
) -> Iterator[tuple[Slot, list[Any]]]:
    """The places whose values the text names, with these."""
    for slot, values in known.items():
        now = usual.choice[slot]
        if _is_tag(slot):
            found = _tags(slot.path[-1].removeprefix(TAG), given, _said_of_others(slot, known, usual))
        elif isinstance(now, Count):
            found = [Count(1)] if now == Count(0) and _lists(sources[slot.source], given) else []
        elif isinstance(now, Ago):
            found = _alone([Ago(days, now.form) for days in _days(given)])
        elif slot.path == (ELEMENT,) and isinstance(now, int | float):
            found = _alone(
                [float(text) if "." in text else int(text) for text in _numbers(sources[slot.source], given)]
            )
        else:
            found = [text for text in _QUOTED.findall(given) if text in values or text == now]
        if found:
            yield slot, found


def _numbers(source: Source, given: str) -> list[str]:
    """Read the numbers that a text gives a metric: percentages, and `2 connections` for `DatabaseConnections`."""
    words = {
        word.lower().removesuffix("s")
        for word in _WORDS.findall(source.part.name if isinstance(source.part, Measure) else "")
    }
    counted = [number for number, noun in _NUMBERED.findall(given) if noun.lower().removesuffix("s") in words]
    return counted or _NUMBER.findall(given)


def _alone(found: list[Any]) -> list[Any]:
    """Return a single value, and none of several, since nobody knows which is meant."""
    return found if len(found) == 1 else []


def _lists(source: Source, given: str) -> bool:
    """Return whether the text names what an operation lists: `launch template` and `version` for its versions."""
    if source.op is None:
        return False
    words = re.findall(r"[A-Z][a-z]+", source.op.name)[1:]
    return bool(words) and all(re.search(rf"\b{word.lower().removesuffix('s')}", given.lower()) for word in words)


def _said_of_others(slot: Slot, known: Mapping[Slot, list[Any]], usual: Example) -> set[Any]:
    """Return keys of other tags, and values of other places such as a state."""
    keys = {each.path[-1].removeprefix(TAG) for each in known if _is_tag(each) and each != slot}
    texts = {text for each, values in known.items() if not _is_tag(each) for text in _texts(usual.choice[each], values)}
    return keys | texts


def _texts(now: Any, values: Iterable[Any]) -> Iterator[str]:
    yield from (value for value in (now, *values) if isinstance(value, str))


def _tags(key: str, given: str, other: Collection[Any] = ()) -> list[Any]:
    """Return the values that a text gives a tag, any where it names the tag alone.

    Args:
        key: of the tag.
        given: the text.
        other: what it may quote of other tags and places.
    """
    quoted = _QUOTED.findall(given)
    if key not in quoted:
        return []
    found: list[Any] = [text for text in quoted if text != key and text not in other]
    found += [""] if re.search(r"\bempty\b", given) else []
    found += [ABSENT] if re.search(r"\babsent\b|\bwithout (the|a) tag\b|\bno tag\b", given) else []
    return found or ["yes"]


def _days(given: str) -> list[float]:
    """Return the ages in days that a text names, without the windows of time in which something is measured."""
    # A window in which something is measured is no age of the item.
    text = re.sub(rf"{_WINDOW.pattern}(?:{_DURATION.pattern})", "", _QUOTED.sub("", given))
    return [float(days or 0) + float(more or alone or 0) / 24 for days, more, alone in _DURATION.findall(text)]
