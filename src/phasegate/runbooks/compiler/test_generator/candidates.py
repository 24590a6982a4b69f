"""Candidate values of fields: those that a clause tells apart."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from phasegate.runbooks.compiler.test_generator import regex_samples
from phasegate.runbooks.compiler.test_generator.answer_fields import COUNT, ELEMENT, SECOND, TAG, Field, Path, Slot
from phasegate.runbooks.compiler.test_generator.values import ABSENT, NUMBER, Ago, Count

# Near enough to a limit to tell > from >= on days, and far from what rounding could blur.
_HOUR = 1 / 24
_DATES = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y/%m/%d")
_WHOLE = ("integer", "long")
# Older than the limits that runbooks set, and so unremarkable.
_FAR = 400.0


class Space:
    """Fields that the expressions read, each with the values worth trying, the usual one first."""

    def __init__(self) -> None:
        self.slots: dict[Slot, list[Any]] = {}
        self.filtered: dict[Slot, None] = {}
        """Lists that are searched for an element: what is said of one may be spoilt by another."""
        self.sought: dict[Slot, list[dict[Path, Any]]] = {}
        """For each such list, the values that each search asks of one element, by their path within it."""

    def add(self, slot: Slot, values: Iterable[Any]) -> None:
        """Add values, each once, in their order."""
        known = self.slots.setdefault(slot, [])
        for value in values:
            # 1 and true are equal in Python, and two different values to JMESPath.
            if not any(type(value) is type(k) and value == k for k in known):
                known.append(value)

    def doubled(self) -> None:
        """Give each list that is searched a second element, which is usually not there."""
        # One element cannot show that a condition looks for a single one that meets all of its clauses.
        for at in self.filtered:
            first, second = (*at.path, ELEMENT), (*at.path, SECOND)
            below = {slot: known for slot, known in self.slots.items() if slot.source == at.source}
            for slot, known in below.items():
                if slot.path[: len(first)] == first:
                    self.slots[Slot(source=at.source, path=(*second, *slot.path[len(first) :]))] = list(known)
            self.slots[Slot(source=at.source, path=(*second, COUNT))] = [Count(0), Count(1)]

    def elements(self) -> Iterator[dict[Slot, Any]]:
        """Yield choices in which list elements are what single searches ask for, alone and in pairs."""
        for at, asked in self.sought.items():
            for one in asked:
                first = {Slot(source=at.source, path=(*at.path, ELEMENT, *path)): v for path, v in one.items()}
                yield first
                for two in asked:
                    second = {Slot(source=at.source, path=(*at.path, SECOND, *path)): v for path, v in two.items()}
                    yield {**first, **second, Slot(source=at.source, path=(*at.path, SECOND, COUNT)): Count(1)}

    def usual(self, place: Field) -> Any:
        """The first value of a place, after making sure that it has one."""
        self.add(place.slot, [default(place)])
        return self.slots[place.slot][0]


def default(place: Field) -> Any:
    """An unremarkable value of the place's shape."""
    shape, name = place.shape, next((p for p in reversed(place.path) if p != ELEMENT), place.source.name)
    if name.startswith(TAG):
        return ABSENT
    if isinstance(shape, ListShape):
        return Count(1)
    if isinstance(shape, StructureShape | MapShape):
        return ABSENT
    kind = shape.type_name if shape is not None else "string"
    if kind == "timestamp":
        return Ago(_FAR)
    if kind == "boolean":
        return False
    # The tests' AWS answers nothing that botocore's model rules out, such as a memory of 1 MB or an ARN of 5 letters.
    least = shape.metadata.get("min", 1) if shape is not None else 1
    if kind in (*_WHOLE, "float", "double"):
        return max(1, least)
    enum = getattr(shape, "enum", None)
    text = f"{_dashed(name)}-"
    return str(enum[0]) if enum else f"{text}{'0' * (least - len(text) - 1)}{NUMBER}"


def _dashed(name: str) -> str:
    words = "".join(
        f"-{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c.lower() for i, c in enumerate(name)
    )
    return words.strip("-")


def as_truth(space: Space, place: Field) -> None:
    """Add values for a field that is tested for presence or truth."""
    shape = place.shape
    if place.virtual:
        return
    if isinstance(shape, ListShape):
        space.add(Slot(source=place.source.name, path=(*place.path, COUNT)), [Count(1), Count(0)])
        _one_element(space, place)
    elif isinstance(shape, StructureShape | MapShape):
        _present(space, place)
    elif shape is not None and shape.type_name == "boolean":
        space.add(place.slot, [True, False, ABSENT])
    else:
        space.usual(place)
        usual = "x" if place.path[-1].startswith(TAG) else default(place)
        space.add(place.slot, [usual, ABSENT, *([""] if isinstance(usual, str) else [])])


def _present(space: Space, place: Field) -> None:
    """Add what makes a structure or a map be there."""
    if isinstance(place.shape, MapShape):
        space.add(place.child("some-key").slot, [f"some-value-{NUMBER}", ABSENT])
    _one_member(space, place)


def _one_element(space: Space, place: Field) -> None:
    element = place.element
    if isinstance(element.shape, StructureShape):
        _one_member(space, element)
    else:
        space.usual(element)


def _one_member(space: Space, place: Field) -> None:
    if not isinstance(place.shape, StructureShape):
        return
    for name, shape in place.shape.members.items():
        if not isinstance(shape, StructureShape | ListShape | MapShape):
            member = place.child(name)
            space.add(member.slot, [default(member), ABSENT])
            return


def against(space: Space, place: Field, value: Any) -> None:
    """Add values for a field that is compared with a constant."""
    if isinstance(value, bool):
        found: list[Any] = [value, not value, ABSENT]
    elif isinstance(value, int | float):
        found = _around(place.shape, value)
    elif isinstance(value, str):
        found = [value, *_others(place.shape, value), "", ABSENT]
        found = (
            found if place.shape is None or not getattr(place.shape, "enum", None) else [f for f in found if f != ""]
        )
    elif value is None and isinstance(place.shape, StructureShape | MapShape):
        found = [ABSENT]
        _present(space, place)
    elif value is None:
        space.usual(place)
        usual = "x" if place.path[-1].startswith(TAG) else default(place)
        found = [ABSENT, usual, *([""] if place.path[-1].startswith(TAG) else [])]
    else:
        as_truth(space, place)
        found = [ABSENT] if isinstance(place.shape, ListShape) else [default(place), ABSENT]
    space.add(place.slot, found)


def _around(shape: Shape | None, value: float) -> list[Any]:
    step = 1 if isinstance(value, int) or (shape is not None and shape.type_name in _WHOLE) else 0.5
    if shape is None or shape.type_name not in (*_WHOLE, "float", "double"):
        return [value, value - step, value + step, ABSENT]
    return [value, max(value - step, 0) if value >= 0 else value - step, value + step, ABSENT]


def _others(shape: Shape | None, value: str) -> list[str]:
    enum = [e for e in getattr(shape, "enum", None) or () if e != value]
    return enum[:2] or [f"{value}-other", value.upper() if value != value.upper() else value.lower()]


def numbers_in_text(space: Space, place: Field, value: Any) -> None:
    """Add values for a text that is read as a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        space.add(place.slot, [str(value), str(value - 1), str(value + 1), ABSENT])


def times(space: Space, place: Field, days: Any) -> None:
    """Add points in time around an age in days (negative: days ahead)."""
    if isinstance(days, bool) or not isinstance(days, int | float):
        return
    form = _form(place)
    space.add(place.slot, [Ago(d, form) for d in (days + _HOUR, days - _HOUR, days)] + [ABSENT])


def _form(place: Field) -> str:
    kind = place.shape.type_name if place.shape is not None else "string"
    return {"timestamp": "time", "long": "ms", "integer": "s", "double": "s"}.get(kind, "text")


def dates_in_text(space: Space, place: Field, pattern: str, group: int, days: Any) -> None:
    """Add texts of a pattern whose group holds a date around an age in days."""
    for at in (days + _HOUR, days - _HOUR, days) if isinstance(days, int | float) else ():
        space.add(place.slot, regex_samples.examples(pattern, group, str(Ago(at, "date").plain())))
    space.add(place.slot, regex_samples.examples(pattern, group, "whenever"))


def dates_in_parts(
    space: Space, place: Field, parts: Sequence[str | None], glue: str, patterns: Sequence[tuple[str, int]], days: float
) -> None:
    """Add texts of which captures are joined to a date around an age in days.

    Args:
        space: that is added to.
        place: of the text.
        parts: of the joined text in their order, None for a capture.
        glue: between them.
        patterns: of the captures in their order, each with its group.
        days: the age.
    """
    shape = re.escape(glue).join("(.+?)" if part is None else re.escape(part) for part in parts)
    for at in (days + _HOUR, days - _HOUR, days):
        for written in _DATES:
            inside = re.fullmatch(shape, Ago(at).moment.strftime(written))
            if inside:
                space.add(place.slot, regex_samples.together(patterns, inside.groups()))
    space.add(place.slot, ["~", ABSENT])


def counts(space: Space, place: Field, value: Any) -> None:
    """Add lengths around a number."""
    if isinstance(value, int | float) and not place.virtual:
        path = (*place.path, COUNT)
        # Longer lists than twelve would bury the case in its own rows.
        numbers = [int(value) + 1, int(value), int(value) - 1, 1, 0]
        space.add(Slot(source=place.source.name, path=path), [Count(n) for n in numbers if 0 <= n <= 12])
        _one_element(space, place)


def holding(space: Space, place: Field, value: Any) -> None:
    """Add values for a text or list that is asked whether it contains something."""
    if isinstance(place.shape, ListShape) or place.virtual:
        against(space, place.element, value)
        if not place.virtual:
            space.add(Slot(source=place.source.name, path=(*place.path, COUNT)), [Count(1), Count(0)])
    elif isinstance(value, str):
        space.add(place.slot, [f"a{value}b", "other", value, ABSENT])


def prefixed(space: Space, place: Field, value: Any, *, at_end: bool) -> None:
    """Add texts that begin or end with another, and some that do not."""
    if isinstance(value, str):
        middle = f"{value}-{NUMBER}x" if not at_end else f"x-{NUMBER}-{value}"
        wrong = f"x{value}" if not at_end else f"{value}x"
        space.add(place.slot, [middle, wrong, value, value[1:] if at_end else value[:-1], "other", ABSENT])


def matching(space: Space, place: Field, pattern: Any) -> None:
    """Add texts that match a regular expression, that match only in another position, and that do not."""
    if isinstance(pattern, str):
        found = regex_samples.examples(pattern)
        space.add(
            place.slot,
            [*found, *(f.swapcase() for f in found[:1]), *(f"~{f}" for f in found[:1]), *(f"{f}~" for f in found[:1])],
        )
        space.add(place.slot, ["~", "", ABSENT])


def globbed(space: Space, place: Field, pattern: Any) -> None:
    """Add texts that match a pattern with wildcards, and some that do not."""
    if isinstance(pattern, str):
        filled = pattern.replace("*", "x").replace("?", "y")
        space.add(place.slot, [filled, f"~{filled}", f"{filled}~", filled.upper(), ABSENT])


def one_of(space: Space, place: Field, values: Any) -> None:
    """Add values from a list, and one that is not in it."""
    if isinstance(values, list):
        space.add(place.slot, [*values, default(place), ABSENT])
