"""Bounds on the values of an argument: exact, or everything below a prefix, judged on the value's normal form."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from phasegate.core import UsageError, is_visible
from phasegate.core.linear_pattern import matches_whole
from phasegate.team.servers import Bound
from phasegate.tools.client.scope import items, pairs

EXACT = ("account", "channel", "project", "region", "space")
"""Kinds of arguments that are named in full: the prefix of a project's key is another project's name."""
_SEPARATORS = "/:-._#@=,"
"""What a prefix ends with, so that `/out` never stands for `/outside`."""
_UP = re.compile(r"(^|[/\\;?#&=:])\.{1,2}([/\\;?#&]|$)")
_MOST_DECODINGS = 3


def covered(arguments: Mapping[str, Any], only: Mapping[str, Sequence[str]]) -> bool:
    """Return whether every bounded argument is given, and holds allowed values alone, at any depth."""
    return all(name in arguments for name in only) and not stray(arguments, only)


def stray(arguments: Mapping[str, Any], only: Mapping[str, Sequence[str]]) -> tuple[str, Any] | None:
    """Return the first bounded argument, at any depth, whose value is not allowed, with that value."""
    for name, value in pairs(arguments):
        if name not in only:
            continue
        if not items(value):  # an empty list bounds nothing: a server may take it for everything
            return name, value
        for item in items(value):
            if not within(name, str(item), only[name]):
                return name, item
    return None


def beyond(arguments: Mapping[str, Any], bounds: Mapping[str, Bound]) -> tuple[str, Any] | None:
    """Return the first path whose bound does not allow a value, with that value.

    >>> beyond({"operation": "s3:ListBuckets"}, {"operation": "(ec2|rds):Describe.*"})
    ('operation', 's3:ListBuckets')
    >>> beyond({"a": {"b": ["x"]}}, {"a.b": ["x", "y"], "c": [""]})
    """
    for path, bound in bounds.items():
        for value in _values(arguments, path.split(".")):
            if not _is_allowed(value, bound):
                return path, value
    return None


def _values(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield what stands at a path, in each item of lists on the way, or the empty text where nothing does."""
    if isinstance(value, list | tuple):
        if not value:  # a server may take an empty list for everything
            yield ""
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield "" if value is None else value
    elif isinstance(value, Mapping):
        yield from _values(value.get(path[0]), path[1:])
    else:  # a text, which a server may read as an object
        yield "" if value is None else value


def _is_allowed(value: Any, bound: Bound) -> bool:
    if isinstance(value, Mapping):
        return False
    text = value if isinstance(value, str) else json.dumps(value)
    return matches_whole(bound, text) if isinstance(bound, str) else text in bound


def within(name: str, value: str, allowed: Sequence[str]) -> bool:
    """Return whether a value of an argument is one of those that are allowed.

    A bound that ends in `*` stands for one more segment, one that ends in `**` for any number of them.

    >>> within("path", "/out/a", ["/out/*"]), within("path", "/out/a/b", ["/out/*"])
    (True, False)
    >>> within("path", "/out/a/b", ["/out/**"]), within("path", "/out/../x", ["/out/**"])
    (True, False)
    >>> within("project", "OPS-2", ["OPS-*"]), within("issue", "OPS-2", ["OPS-*"])
    (False, True)
    """
    return value in allowed or any(_is_below(value, bound) for bound in allowed if not fault(name, bound))


def fault(name: str, bound: str) -> str:
    """Return the fault of a bound's pattern, or an empty string."""
    prefix = bound.rstrip("*")
    if "*" not in bound:
        return ""
    if is_exact(name):
        return f"a {name} is named in full, without *"
    if not 1 <= len(bound) - len(prefix) <= 2 or "*" in prefix:
        return "* or ** stands at the end alone"
    if prefix and prefix[-1] not in _SEPARATORS:
        return f"* follows one of {' '.join(_SEPARATORS)}, as in /out/* or OPS-*"
    return "" if _is_normal(prefix) else "the part before * holds '..', '//' or encoded characters"


def check(only: Mapping[str, Sequence[str]]) -> None:
    """Hold bounds that a person writes against what they can say.

    Raises:
        UsageError: one is no sound pattern.
    """
    for name, bounds in only.items():
        for bound in bounds:
            if found := fault(name, bound):
                raise UsageError(
                    f"'{name}={bound}' bounds nothing: {found}", fix="write the values in full, or mend it"
                )


def is_exact(name: str) -> bool:
    """Return whether an argument of this name is of a kind that is named in full.

    >>> is_exact("project"), is_exact("accountId"), is_exact("channel_ids"), is_exact("path")
    (True, True, True, False)
    """
    plain = re.sub(r"[^a-z]", "", name.lower())
    return re.sub(r"(ids?|keys?|names?|s)$", "", plain) in EXACT


def _is_below(value: str, bound: str) -> bool:
    prefix = bound.rstrip("*")
    if prefix == bound or not _is_normal(value) or not value.startswith(prefix) or value == prefix:
        return False
    rest = value[len(prefix) :]
    return bound.endswith("**") or not set("/?#") & set(rest)


def _is_normal(value: str) -> bool:
    """Return whether every reader of a path, an address or an ARN takes the value for the same place.

    Links of a file system cannot be seen from here.
    """
    plain = unicodedata.normalize("NFKC", _decoded(value))
    if "\\" in plain or not all(map(is_visible, plain)) or _UP.search(plain):
        return False
    path = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://", "", plain)
    return "//" not in path and plain.count("/") == value.count("/") and "%" not in plain


def _decoded(value: str) -> str:
    for _ in range(_MOST_DECODINGS):
        value = unquote(value)
    return value
