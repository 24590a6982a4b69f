"""Lists in parts: a cursor is the last row's place in the list's order, so that what comes or goes moves nothing."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from phasegate.core import InvalidInput

T = TypeVar("T")
Place = tuple[int | str, ...]


def page_of(rows: Sequence[T], place: Callable[[T], Place], after: str, limit: int) -> tuple[list[T], str | None]:
    """Return the rows after the cursor, in the order of their places, and the cursor after them.

    Raises:
        InvalidInput: the cursor is not one of this list's.
    """
    rest = [row for row in rows if place(row) > _read(after, place(row))] if after else list(rows)
    shown = rest[:limit]
    return shown, _write(place(shown[-1])) if len(rest) > limit else None


def _write(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read(cursor: str, like: Place) -> Place:
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError) as error:
        raise _wrong() from error
    if not isinstance(found, list) or [type(part) for part in found] != [type(part) for part in like]:
        raise _wrong()
    return tuple(found)


def _wrong() -> InvalidInput:
    return InvalidInput("this cursor is not one of this list's", fix="take 'next' of the part before, as it is")
