"""Rows brought together: an index over a second listing, and ids grouped for calls that take many."""

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from .functions import as_list
from .scan import Row

T = TypeVar("T")


class Index:
    """Rows by key, with a row under each of its values where its key is a list."""

    def __init__(self, rows: Iterable[Row], key: Callable[[Row], Any]) -> None:
        self._rows: dict[Hashable, list[Row]] = {}
        for row in rows:
            for value in as_list(key(row)):
                self._rows.setdefault(_hashable(value), []).append(row)

    def all(self, key: Any) -> list[Row]:
        """Return every row under the key or keys."""
        return [row for value in as_list(key) for row in self._rows.get(_hashable(value), ())]

    def first(self, key: Any) -> Row | None:
        """Return the first row under the key or keys, or None where there is none."""
        return next((row for value in as_list(key) for row in self._rows.get(_hashable(value), ())), None)


def each_of(row: Row, elements: Any) -> Iterator[Row]:
    """Yield a row for each element that belongs to a row: its keys over those of the row, a plain value as `_`."""
    for element in as_list(elements):
        if element is not None:
            yield {**row, **(element if isinstance(element, dict) else {"_": element})}


def known(value: T | None) -> T:
    """Return the value of a parameter that names what is changed.

    Without it the call could be about more than the element, as a function without its version.

    Raises:
        LookupError: there is none.
    """
    if value is None:
        raise LookupError("an element does not say what to change")
    return value


def batches(
    rows: Iterable[Row], size: int, ids: Callable[[Row], Any], shared: Callable[[Row], Row] | None = None
) -> Iterator[tuple[list[Any], Row]]:
    """Group ids by `size` for calls that take several, each group with what its rows share.

    Only rows for which `shared` gives the same are grouped. Missing ids are left out, and none is asked for twice in
    a group.
    """
    waiting: dict[str, tuple[dict[Any, None], Row]] = {}
    for row in rows:
        common = shared(row) if shared else {}
        label = json.dumps(common, sort_keys=True, default=str)
        group, _ = waiting.setdefault(label, ({}, common))
        for value in as_list(ids(row)):
            group[value] = None
            if len(group) == size:
                yield list(waiting.pop(label)[0]), common
                group = waiting.setdefault(label, ({}, common))[0]
    yield from ((list(group), common) for group, common in waiting.values() if group)


def distinct(values: Iterable[Any]) -> list[Any]:
    """Every value once, lists opened, without what is missing, sorted."""
    # Sorted, so that the same account gives the same calls in every run.
    return sorted({entry for value in values for entry in as_list(value) if entry is not None}, key=str)


def chunks(values: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """The values, so many at a time."""
    waiting = iter(values)
    while chunk := list(islice(waiting, size)):
        yield chunk


def _hashable(value: Any) -> Hashable:
    if isinstance(value, (list, Mapping)):
        return json.dumps(value, sort_keys=True, default=str)
    return value  # type: ignore[no-any-return]
