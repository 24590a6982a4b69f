"""Places of a runbook's item by the names that criteria give them."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from phasegate.runbooks.compiler.test_generator.answer_fields import (
    ANSWER,
    COUNT,
    CSV,
    ELEMENT,
    JSON,
    SECOND,
    TAG,
    Slot,
    Source,
    shape_at,
)
from phasegate.runbooks.compiler.test_generator.item_model import Anatomy
from phasegate.runbooks.compiler.test_generator.values import ABSENT, Ago, Count, Fails
from phasegate.runbooks.compiler.test_generator.wording import DATE
from phasegate.runbooks.language.model import Measure

_MARKERS = (ELEMENT, SECOND, JSON, CSV, COUNT, ANSWER)
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_NUMERIC = ("integer", "long", "float", "double")
_SMALL = frozenset(("in", "of", "the", "a", "is", "id", "day", "hour", "to", "by", "db"))
"""Words of a name that say nothing about which one is meant."""


@dataclass(frozen=True)
class Places:
    """Slots of a runbook, by tag, name, kind and noun."""

    anatomy: Anatomy
    usual: Mapping[Slot, Any]
    """Values of the usual match."""

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """All slots but those of second elements."""
        return tuple(slot for slot in self.anatomy.space.slots if SECOND not in slot.path)

    @cached_property
    def tags(self) -> dict[str, Slot]:
        """Slots of tags, by key."""
        return {slot.path[-1].removeprefix(TAG): slot for slot in self.slots if slot.path[-1].startswith(TAG)}

    @cached_property
    def times(self) -> tuple[Slot, ...]:
        """Slots that hold a point in time, or a text with a date in it."""
        return tuple(slot for slot in self.slots if isinstance(self.usual[slot], Ago) or self.dated(slot))

    @cached_property
    def measures(self) -> tuple[Slot, ...]:
        """Slots of metrics' values."""
        return tuple(slot for slot in self.slots if slot.path == (ELEMENT,) and self.source(slot).op is None)

    def known(self, slot: Slot) -> list[Any]:
        """Return the values that the search tries in a slot."""
        return self.anatomy.space.slots[slot]

    def source(self, slot: Slot) -> Source:
        """Return the source of a slot."""
        return self.anatomy.source(slot.source)

    def shape(self, slot: Slot) -> Shape | None:
        """Return AWS's shape of a slot, or None where the model knows none."""
        source = self.source(slot)
        return shape_at(source.op.output, slot.path) if source.op else None

    def is_number(self, slot: Slot) -> bool:
        """Return whether a slot holds a number."""
        shape = self.shape(slot)
        kinds = [type(value) for value in (self.usual[slot], *self.known(slot))]
        return (
            slot in self.measures
            or (shape is not None and shape.type_name in _NUMERIC)
            or bool({int, float} & {*kinds})
        )

    def is_flag(self, slot: Slot) -> bool:
        """Return whether a slot holds a boolean."""
        return any(isinstance(value, bool) for value in self.known(slot))

    def is_text(self, slot: Slot) -> bool:
        """Return whether a slot holds a text that is no tag."""
        return slot not in self.tags.values() and any(isinstance(value, str) for value in self.known(slot))

    def dated(self, slot: Slot) -> bool:
        """Return whether a slot holds a text with a date in it, and no tag."""
        now = self.usual[slot]
        return isinstance(now, str) and not slot.path[-1].startswith(TAG) and bool(DATE.search(now))

    def named(self, name: str) -> list[Slot]:
        """Return the slots of a tag's key, of a member such as `State.Name`, or of a metric."""
        tag, lower = self.tags.get(name), name.lower()
        if tag is not None:
            return [tag]
        found = [slot for slot in self.slots if self._is_called(slot, lower) and not slot.path[-1].startswith(TAG)]
        return found

    def _is_called(self, slot: Slot, lower: str) -> bool:
        names = [part.lower() for part in slot.path if part not in _MARKERS]
        source = self.source(slot)
        if slot in self.measures and isinstance(source.part, Measure):
            names = [source.part.name.lower()]
            return lower in (source.name.lower(), *names)
        if slot.path[-1] == ANSWER:
            return lower == source.name.lower()
        dotted = f".{'.'.join(names)}"
        return bool(names) and dotted.endswith(f".{lower}")

    def is_member(self, name: str) -> bool:
        """Return whether AWS's item has a member of that name, read by the runbook or not."""
        listing = self.anatomy.listing
        shape = shape_at(listing.op.output, listing.at) if listing.op else None
        for part in name.split("."):
            shape = shape.member if isinstance(shape, ListShape) else shape
            members = shape.members if isinstance(shape, StructureShape) else {}
            found = next((each for each in members if each.lower() == part.lower()), None)
            if found is None:
                return False
            shape = members[found]
        return True

    def holding(self, text: str) -> list[Slot]:
        """Return the slots, tags left out, that can have a text as their value."""
        return [slot for slot in self.slots if self.is_text(slot) and self._spelled(slot, text) is not None]

    def _spelled(self, slot: Slot, text: str) -> str | None:
        """Return a text as the slot spells it, or None where it is none of its values."""
        values = [value for value in (self.usual[slot], *self.known(slot)) if isinstance(value, str)]
        values += getattr(self.shape(slot), "enum", None) or []
        return text if text in values else next((v for v in values if v and v.lower() == text.lower()), None)

    def spelled(self, slot: Slot, text: str) -> str:
        """Return a text as the slot spells it, as it is where it is none of its values."""
        return self._spelled(slot, text) or text

    def others(self, slot: Slot, value: Any) -> tuple[Any, ...]:
        """Return known values of a slot other than one of them, those left out that mean nothing."""
        return tuple(
            each
            for each in self.known(slot)
            if each not in (ABSENT, "", value)
            and isinstance(each, bool | str | int | float)
            and type(each) is type(value)
        )

    def states(self) -> Iterator[tuple[Slot, str]]:
        """Yield the words of the item's state, with their slot."""
        for slot in self.slots:
            names = [part for part in slot.path if part not in _MARKERS]
            if slot.source == self.anatomy.listing.name and names and re.search(r"(?i)stat(e|us)", ".".join(names)):
                for value in getattr(self.shape(slot), "enum", None) or self.known(slot):
                    if isinstance(value, str) and value.isascii() and value:
                        yield slot, value

    def lists(self, words: Collection[str], *, whole: bool = True) -> Iterator[Slot]:
        """Yield the slots that count what the words name: elements of a list, or rows that an operation answers.

        Args:
            words: in singular, without capitals.
            whole: whether all words of the name have to be among them; else the last one is enough.
        """
        for slot in self.slots:
            counted = self.counted(slot)
            needed = counted if whole else counted[-1:]
            if needed and set(needed) <= {*words}:
                yield slot

    def counted(self, slot: Slot) -> list[str]:
        """Return the noun of what a slot counts, in singular, empty where it counts nothing."""
        source = self.source(slot)
        if slot.path[-1] == COUNT:
            names = [part for part in slot.path if part not in _MARKERS]
            return singular(_split(names[-1] if names else source.name))
        if slot.path[-1] == ANSWER and source.op is not None:
            words, item = singular(_split(source.op.name)[1:]), self.anatomy.listing.op
            # Nobody says 'bucket lifecycle configuration' of a bucket.
            own = singular(_split(item.name)[1:]) if item else []
            return [word for word in words if word not in own] or words
        return []

    def none_of(self, slot: Slot) -> Any:
        """Return the value by which a slot says that there is nothing."""
        if slot.path[-1] == ANSWER:
            declared = [each for each in self.known(slot) if isinstance(each, Fails) and each.code != "InternalFailure"]
            return Count(0) if Count(0) in self.known(slot) else declared[0] if declared else None
        return Count(0) if slot.path[-1] == COUNT else ABSENT

    def shares(self) -> tuple[Slot, ...]:
        """Return the slots of metrics that are percentages by their name, or of all metrics."""
        named = tuple(slot for slot in self.measures if {"utilization", "percent", "percentage"} & {*self.words(slot)})
        return named or self.measures

    def worded(self, words: Collection[str], slots: Collection[Slot]) -> list[Slot]:
        """Return those slots whose name shares most words with a text, none where it shares none."""
        scores = {slot: len({*self.words(slot)} & {*words}) for slot in slots}
        best = max(scores.values(), default=0)
        return [slot for slot, score in scores.items() if score == best] if best else []

    def words(self, slot: Slot) -> list[str]:
        """Return the words of a slot's name, in singular."""
        source = self.source(slot)
        if slot in self.measures:
            return singular(_split(source.part.name if isinstance(source.part, Measure) else source.name))
        names = [part for part in slot.path if part not in _MARKERS]
        return [word for word in singular(_split(names[-1] if names else source.name)) if word not in _SMALL]


def singular(words: Collection[str]) -> list[str]:
    """Return words without capitals and without the ending of a plural.

    >>> singular(["Policies", "Listeners", "Access"])
    ['policy', 'listener', 'access']
    """
    return [_single(word.lower()) for word in words]


def _single(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _split(name: str) -> list[str]:
    return _CAMEL.findall(name)
