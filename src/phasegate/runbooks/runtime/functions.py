"""Functions that expressions may call beside JMESPath's own.

None of them raises on a missing value.
"""

import csv
import fnmatch
import io
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .values import Values, is_number

_TAG_LISTS = ("Tags", "tags", "TagList", "TagSet", "tagSet", "tagList")
_TAG_KEYS = ("Key", "key", "TagKey", "tagKey")
_TAG_VALUES = ("Value", "value", "TagValue", "tagValue")


def tag(resource: Any, key: str) -> str | None:
    """Return the value of a tag, None where it is absent and `''` where it is empty.

    Keys are case-sensitive.

    Tags are a list of `Key` and `Value` (`key` and `value`, `TagKey` and `TagValue`) or a map, under any of the names
    that AWS gives them; the list itself will do too.

    >>> tag({"Tags": [{"Key": "Owner", "Value": ""}]}, "Owner")
    ''
    """
    for tags in _tag_holders(resource):
        if isinstance(tags, dict) and key in tags:
            return _text(tags[key])
        for entry in tags if isinstance(tags, list) else ():
            if isinstance(entry, dict) and _first(entry, _TAG_KEYS) == key:
                return _text(_first(entry, _TAG_VALUES))
    return None


def _tag_holders(resource: Any) -> Iterable[Any]:
    if isinstance(resource, list):
        return [resource]
    if not isinstance(resource, dict):
        return []
    found = [resource[name] for name in _TAG_LISTS if resource.get(name)]
    # A map of strings alone is itself the tags, as where they were selected from Lambda's answer.
    plain = resource and not found and all(isinstance(value, str) for value in resource.values())
    return [resource] if plain else found


def _first(entry: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((entry[name] for name in names if name in entry), None)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def matches(text: Any, pattern: str) -> bool:
    """Return whether the text matches the regular expression, anchored at its start alone and ignoring case."""
    return isinstance(text, str) and re.match(pattern, text, re.IGNORECASE | re.DOTALL) is not None


def glob(text: Any, pattern: str) -> bool:
    """Return whether the whole text matches a case-sensitive pattern with `*`, `?` and `[…]`."""
    return isinstance(text, str) and fnmatch.fnmatchcase(text, pattern)


def capture(text: Any, pattern: str, group: int = 1) -> str | None:
    """Return a group of the regular expression, matched as `matches` does, or None where it does not match."""
    found = re.match(pattern, text, re.IGNORECASE | re.DOTALL) if isinstance(text, str) else None
    if found is None or group > found.re.groups:
        return None
    return found.group(int(group))


def split(text: Any, separator: str) -> list[str] | None:
    """The parts of the text between separators."""
    return text.split(separator) if isinstance(text, str) else None


def lower(text: Any) -> str | None:
    """The text in lower case."""
    return text.lower() if isinstance(text, str) else None


def parse_json(text: Any) -> Any:
    """Return the value of a JSON document, percent-encoded or not, and anything but text as it is."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str):
        return text
    try:
        return json.loads(urllib.parse.unquote(text) if text.lstrip().startswith("%") else text)
    except ValueError:
        return None


def parse_csv(text: Any) -> list[dict[str, Any]] | None:
    """The rows of a CSV document, by the names of its first line."""
    if isinstance(text, bytes):
        # A byte order mark would become part of the first column's name.
        text = text.decode("utf-8-sig", "replace")
    return list(csv.DictReader(io.StringIO(text))) if isinstance(text, str) else None


def as_list(value: Any) -> list[Any]:
    """A list stays one, nothing is the empty list, anything else a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def within(value: Any, values: Any) -> bool:
    """Return whether the value is among the values. A missing value is in nothing."""
    return value is not None and value in as_list(values)


def none_in(values: Any, others: Any) -> bool:
    """Return whether none of the values is among the others."""
    among = as_list(others)
    return not any(value in among for value in as_list(values))


def minus(values: Any, others: Any) -> list[Any]:
    """The values that are not among the others."""
    among = as_list(others)
    return [value for value in as_list(values) if value not in among]


def zip_lists(*lists: Any) -> list[list[Any]]:
    """The first of each list, the second of each, as far as the shortest goes."""
    return [list(entries) for entries in zip(*(as_list(entry) for entry in lists), strict=False)]


def add(*numbers: Any) -> Any:
    """Return the sum, or None where a number is missing."""
    return _reckon(lambda left, right: left + right, numbers)


def sub(*numbers: Any) -> Any:
    """Return the first less the others, or None where a number is missing."""
    return _reckon(lambda left, right: left - right, numbers)


def mul(*numbers: Any) -> Any:
    """Return the product, or None where a number is missing."""
    return _reckon(lambda left, right: left * right, numbers)


def div(*numbers: Any) -> Any:
    """Return the first over the others, or None where a number is missing or the divisor is 0."""
    return _reckon(lambda left, right: left / right if right else None, numbers)


def round_to(number: Any, digits: int = 0) -> Any:
    """Round the number to so many digits after the point, to a whole number by default."""
    if not is_number(number):
        return None
    return round(number, int(digits)) if digits else round(number)


def _reckon(step: Callable[[Any, Any], Any], numbers: tuple[Any, ...]) -> Any:
    result = numbers[0] if numbers else None
    for number in numbers[1:]:
        if not (is_number(result) and is_number(number)):
            return None
        result = step(result, number)
    return result if is_number(result) else None


def contains(subject: Any, wanted: Any) -> bool:
    """JMESPath's `contains`.

    Raises:
        TypeError: the subject is neither a list nor a text.
    """
    if not isinstance(subject, (list, str)):
        raise TypeError(f"contains() takes a list or a text, not {_kind(subject)}")
    return wanted in subject


def starts_with(text: Any, prefix: Any) -> bool:
    """JMESPath's `starts_with`.

    Raises:
        TypeError: either is no text.
    """
    return _texts("starts_with", text, prefix) and text.startswith(prefix)


def ends_with(text: Any, suffix: Any) -> bool:
    """JMESPath's `ends_with`.

    Raises:
        TypeError: either is no text.
    """
    return _texts("ends_with", text, suffix) and text.endswith(suffix)


def length(value: Any) -> int:
    """JMESPath's `length`.

    Raises:
        TypeError: it has none.
    """
    if not isinstance(value, (str, list, dict)):
        raise TypeError(f"length() takes a text, a list or a map, not {_kind(value)}")
    return len(value)


def join(glue: Any, texts: Any) -> str:
    """JMESPath's `join`.

    Raises:
        TypeError: something to join is no text.
    """
    if not isinstance(texts, list):
        raise TypeError(f"join() takes a list of texts, not {_kind(texts)}")
    return glue.join(texts) if _texts("join", glue, *texts) else ""


def not_null(*values: Any) -> Any:
    """JMESPath's `not_null`: the first value that is there."""
    return next((value for value in values if value is not None), None)


def _texts(name: str, *values: Any) -> bool:
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"{name}() takes a text, not {_kind(value)}")
    return True


def _kind(value: Any) -> str:
    return "a missing value" if value is None else type(value).__name__


def union(values: Iterable[Any]) -> Values:
    """Every value once, lists opened, without what is missing."""
    opened = (entry for value in values for entry in (value if isinstance(value, list) else [value]))
    unique = {json.dumps(value, sort_keys=True, default=str): value for value in opened if value is not None}
    return Values(unique.values())
