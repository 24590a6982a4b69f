"""JMESPath's truth and comparisons, as Python functions.

In JMESPath the number 0 is true; null, false and everything empty are not. An ordering of anything but two
numbers or two strings is null, which is no match.
"""

from typing import Any


class Values(list[Any]):
    """A list that is also asked "is it in?", without walking it each time."""

    def __init__(self, values: Any = ()) -> None:
        super().__init__(values)
        self._hashed = frozenset(value for value in self if isinstance(value, (str, int, float)))

    def __contains__(self, value: object) -> bool:
        if isinstance(value, (str, int, float)):
            return value in self._hashed
        return super().__contains__(value)


def truth(value: object) -> bool:
    """Return whether JMESPath takes the value for true.

    >>> [truth(value) for value in (0, "0", [0], None, False, "", [], {})]
    [True, True, True, False, False, False, False, False]
    """
    return bool(value) or is_number(value)


def is_number(value: object) -> bool:
    """Return whether the value is a number, which Python's booleans are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equal(left: object, right: object) -> bool:
    """Return `left == right`, in which 0 and 1 are not false and true."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def above(left: Any, right: Any) -> bool:
    """Return `left > right`, false where either is missing."""
    return _ordered(left, right) and bool(left > right)


def at_least(left: Any, right: Any) -> bool:
    """Return `left >= right`, false where either is missing."""
    return _ordered(left, right) and bool(left >= right)


def below(left: Any, right: Any) -> bool:
    """Return `left < right`, false where either is missing."""
    return _ordered(left, right) and bool(left < right)


def at_most(left: Any, right: Any) -> bool:
    """Return `left <= right`, false where either is missing."""
    return _ordered(left, right) and bool(left <= right)


def field(value: Any, *names: str) -> object:
    """Return the field at the end of the path, or None where the path breaks off.

    >>> field({"State": {"Name": "stopped"}}, "State", "Name")
    'stopped'
    """
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _ordered(left: object, right: object) -> bool:
    return all(is_number(value) or isinstance(value, str) for value in (left, right))
