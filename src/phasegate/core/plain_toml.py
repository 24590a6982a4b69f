"""Reads TOML that a person or a stranger wrote: bounded before it is parsed, and with one error for all that fails."""

import tomllib
from typing import Any

from phasegate.core.errors import InvalidInput

MOST_BYTES = 128 * 1024
_MOST_STEPS = 500
_LARGEST = 2**63


def read(content: str | bytes, path: str) -> dict[str, Any]:
    """Read a document.

    Raises:
        InvalidInput: it is too large or nests too deep, is not TOML, or holds a number that TOML has none of.
    """
    text = _text(content, path)
    # The parser recurses for each bracket, and takes time with the square of a dotted key's parts.
    for number, line in enumerate(text.split("\n"), 1):
        if sum(map(line.count, ".[{")) > _MOST_STEPS:
            raise _refused(path, f"line {number} has more than {_MOST_STEPS} dots and brackets", "split the line")
    try:
        found = tomllib.loads(text)
        _refuse_numbers(found, path, "")
        return found
    except RecursionError as error:
        raise _refused(path, "it nests too deep", "make it flatter") from error
    except ValueError as error:
        raise _refused(path, str(error), "mend the line it names") from error


def _text(content: str | bytes, path: str) -> str:
    if len(content) > MOST_BYTES:
        raise _refused(path, f"it is longer than {MOST_BYTES:,} bytes", "take out what does not belong")
    try:
        return content.decode() if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        raise _refused(path, str(error), "save it as UTF-8") from error


def _refuse_numbers(value: Any, path: str, key: str) -> None:
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, entry in entries:
            _refuse_numbers(entry, path, f"{key}.{name}" if key else str(name))
    elif isinstance(value, int | float) and not -_LARGEST <= value < _LARGEST:
        raise _refused(path, f"{key}: the number is out of range", "write a smaller one")


def _refused(path: str, why: str, fix: str) -> InvalidInput:
    return InvalidInput(f"'{path}' is not TOML: {why}", fix=fix)
