"""What changed between two commits, as people read it: nothing hidden, nothing left out."""

import difflib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

_PLAIN = {"\n", "\t"}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One file that differs."""

    path: str
    kind: Literal["added", "changed", "removed"]
    lines: tuple[str, ...]
    """A unified difference, each line with its mark, invisible characters made visible."""
    hidden: int
    """How many invisible or direction-changing characters it brings."""

    @property
    def added(self) -> int:
        """Lines that it adds."""
        return sum(line.startswith("+") and not line.startswith("+++") for line in self.lines)

    @property
    def removed(self) -> int:
        """Lines that it removes."""
        return sum(line.startswith("-") and not line.startswith("---") for line in self.lines)


def changes(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[Change]:
    """Every file that differs, by path."""
    return list(_changes(old, new))


def visible(text: str) -> str:
    """The text with control, format and direction characters written as `<U+202E>`.

    >>> visible("ad\\u202emin")
    'ad<U+202E>min'
    """
    return "".join(char if _is_visible(char) else f"<U+{ord(char):04X}>" for char in text)


def _is_visible(char: str) -> bool:
    return char in _PLAIN or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")


def _changes(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[Change]:
    for path in sorted({*old, *new}):
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        kind: Literal["added", "changed", "removed"] = (
            "added" if before is None else "removed" if after is None else "changed"
        )
        lines = tuple(_difference(path, _text(before), _text(after)))
        hidden = sum(not _is_visible(char) for char in _text(after))
        yield Change(path=visible(path), kind=kind, lines=lines, hidden=hidden)


def _text(content: bytes | None) -> str:
    return "" if content is None else content.decode("utf-8", "backslashreplace")


def _difference(path: str, before: str, after: str) -> Iterator[str]:
    rows = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", lineterm="")
    return (visible(row) for row in rows)
