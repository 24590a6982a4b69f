"""Changes between two commits as people read them, with nothing hidden or left out."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from phasegate.core import is_visible, visible

_NO_NEWLINE = "\\ no newline at the end"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A file that differs."""

    path: str
    kind: Literal["added", "changed", "removed"]
    lines: tuple[str, ...]
    """A unified difference, each line with its mark, invisible characters made visible."""
    hidden: int
    """How many invisible or direction-changing characters its name and its new content hold."""

    @property
    def added(self) -> int:
        """Lines that it adds."""
        return sum(line.startswith("+") for line in self.lines[2:])

    @property
    def removed(self) -> int:
        """Lines that it removes."""
        return sum(line.startswith("-") for line in self.lines[2:])


def changes(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[Change]:
    """Every file that differs, by path."""
    return list(_changes(old, new))


def _changes(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[Change]:
    for path in sorted({*old, *new}):
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        kind: Literal["added", "changed", "removed"] = (
            "added" if before is None else "removed" if after is None else "changed"
        )
        lines = tuple(_difference(path, _text(before), _text(after)))
        # Line feeds and tabs hide nothing from whoever reads a difference.
        plain = _text(after).replace("\n", "").replace("\t", "")
        hidden = sum(not is_visible(char) for char in path + plain)
        yield Change(path=visible(path), kind=kind, lines=lines, hidden=hidden)


def _text(content: bytes | None) -> str:
    return "" if content is None else content.decode("utf-8", "backslashreplace")


def _difference(path: str, before: str, after: str) -> Iterator[str]:
    rows = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}", lineterm="")
    for row in rows:
        text, mark, _ = row.partition(f"\n{_NO_NEWLINE}")
        yield "\t".join(visible(part) for part in text.split("\t"))
        if mark:
            yield _NO_NEWLINE


def _lines(text: str) -> list[str]:
    """By line feeds alone: whatever else ends a line somewhere is shown, not followed."""
    lines = text.split("\n")
    if lines[-1]:
        return [*lines[:-1], f"{lines[-1]}\n{_NO_NEWLINE}"]
    return lines[:-1]
