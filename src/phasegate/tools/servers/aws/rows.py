"""Rows of a listing, cut down to what was asked for and to a size."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from phasegate.core import InvalidInput

PAGE = 60_000
"""Characters that the rows of a page may have together, as JSON."""
LONGEST = 500
"""Characters of an expression."""


def search(expression: str, value: Any) -> Any:
    """Return what a JMESPath expression finds.

    Raises:
        InvalidInput: it is no JMESPath, or does not fit the value.
    """
    if len(expression) > LONGEST:
        raise InvalidInput(f"the expression has {len(expression)} characters", fix=f"write at most {LONGEST}")
    try:
        return jmespath.search(expression, value)
    except JMESPathError as error:
        shown = str(error).splitlines()[0]
        raise InvalidInput(
            f"{expression!r} does not work: {shown}", fix="write JMESPath, such as Tags[0].Key"
        ) from error


def found(expression: str, answer: Any) -> list[Any]:
    """Return the rows that an expression finds in an answer, where a single value is one row."""
    rows = search(expression, answer)
    if rows is None:
        return []
    return rows if isinstance(rows, list) else [rows]


def chosen(row: Any, fields: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a row under their own expressions, or all of it without fields. A plain value is `_`."""
    if fields:
        return {field: search(field, row) for field in fields}
    return dict(row) if isinstance(row, Mapping) else {"_": row}


def fitting(row: Mapping[str, Any], room: int) -> tuple[dict[str, Any], list[str]]:
    """Return the row's first fields within a number of characters, and the names of the fields left out."""
    kept: dict[str, Any] = {}
    left_out = []
    for name, value in row.items():
        size = len(json.dumps({name: value}, ensure_ascii=False))
        if size > room:
            left_out.append(name)
            continue
        kept[name] = value
        room -= size
    return kept, left_out
