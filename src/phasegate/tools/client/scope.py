"""AWS accounts and regions that a call's arguments name."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SEPARATORS = re.compile(r"[^a-z0-9]")
_PLACE = re.compile(r"(account|region|availabilityzone)(?:id|name|number|code|identifier)?s?$")
"""How an argument's name ends that names accounts or regions, written small and without separators."""
_ARN = re.compile(r"\barn:[^:\s]*:[^:\s]*:([^:\s]*):([^:\s]*):", re.IGNORECASE)
_REGION = re.compile(
    r"(?<![a-z0-9])((?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-(?:gov|isob?|isof?))?"
    r"-(?:north|south|east|west|central)(?:east|west)?-[0-9])(?![0-9])",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(r"(?<![0-9a-z])[0-9]{12}(?![0-9a-z])", re.IGNORECASE)
_ZONE = re.compile(r"([a-z]+(?:-[a-z]+)+-[0-9])(?:-[a-z]+-[0-9])?[a-z]")
MOST_DEPTH = 40
"""How deep arguments may be nested."""
_KEYS, _VALUES = ("key", "name", "dimension"), ("values", "value")
"""How a filter says of what, and which."""
Named = tuple[str, Any]
"""`account` or `region`, and a value."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """AWS accounts and regions that may be named, or None for all."""

    accounts: frozenset[str] | None = None
    """Twelve digits each, and `""` for the caller's own."""
    regions: frozenset[str] | None = None

    def stray(self, arguments: Mapping[str, Any], *, reads_text: bool) -> Named | None:
        """Return the first account or region outside the scope, or None.

        Args:
            arguments: of the call.
            reads_text: whether text is looked through as well, such as a command line or a URL; where it is not,
                ARNs still are: prose about another region is no call to it.
        """
        bounds = {"account": self.accounts, "region": self.regions}
        named = _named(arguments, reads_text)
        return next(
            (each for each in named if (held := bounds[each[0]]) is not None and str(each[1]) not in held), None
        )

    def within(self, kind: str) -> str:
        """Return the scope in words, an empty text where nothing may be named."""
        allowed = {"account": self.accounts, "region": self.regions}[kind] or ()
        return ", ".join(sorted(filter(None, allowed)))


def pairs(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every name with its value, at any depth, and every filter with its values, without recursion.

    >>> list(pairs({"f": [[{"Key": "REGION", "Values": ["x"]}]]}))[-1]
    ('REGION', ['x'])
    """
    # A queue in place of recursion: a model can nest its arguments deeper than Python recurses.
    waiting = deque[Any]([arguments])
    while waiting:
        value = waiting.popleft()
        if isinstance(value, Mapping):
            yield from ((str(name), item) for name, item in value.items())
            yield from _filters(value)
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value


def texts(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text in the arguments, at any depth, names too."""
    for name, value in pairs(arguments):
        yield name
        yield from (item for item in items(value) if isinstance(item, str))


def depth(arguments: Mapping[str, Any]) -> int:
    """Return the nesting depth, counted up to one beyond the limit.

    >>> depth({}), depth({"a": [{"b": 1}]})
    (1, 3)
    """
    level: list[Any] = [arguments]
    for found in range(MOST_DEPTH + 1):
        inner = [item for value in level for item in (value.values() if isinstance(value, Mapping) else value)]
        level = [item for item in inner if isinstance(item, Mapping | list | tuple)]
        if not level:
            return found + 1
    return MOST_DEPTH + 1


def _filters(value: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    plain = {str(name).lower(): item for name, item in value.items()}
    of = next((plain[key] for key in _KEYS if isinstance(plain.get(key), str)), None)
    if of is not None:
        yield from ((of, plain[name]) for name in _VALUES if name in plain)


def _named(arguments: Mapping[str, Any], reads_text: bool) -> Iterator[Named]:
    for name, value in pairs(arguments):
        kind = _PLACE.search(_SEPARATORS.sub("", name.lower()))
        if kind:
            yield from (_placed(kind[1], item) for item in items(value))
        for text in (name, *(item for item in items(value) if isinstance(item, str))):
            yield from _in_text(text, reads_text)


def _placed(kind: str, item: Any) -> Named:
    if kind == "availabilityzone":
        zone = _ZONE.fullmatch(str(item))
        return "region", zone[1] if zone else item
    return kind, item


def _in_text(text: str, reads_text: bool) -> Iterator[Named]:
    for region, account in _ARN.findall(text):
        yield from (("region", region),) if region else ()
        yield from (("account", account),) if account and account != "aws" else ()  # aws: what AWS itself owns
    if reads_text:
        yield from (("region", found.lower()) for found in _REGION.findall(text))
        yield from (("account", found) for found in _ACCOUNT.findall(text))


def items(value: Any) -> list[Any]:
    """The items of a list, or the value as the only one."""
    return list(value) if isinstance(value, list | tuple) else [value]
