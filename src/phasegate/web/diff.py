"""A difference as rows with the numbers of both sides, so that a comment can be put at a line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from phasegate.web.words import Piece, marked
from phasegate.workspace import Change

OPEN_LINES = 400
"""Files are shown open until so many lines have been; those after are a click away, with nothing left out."""
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")

Kind = Literal["added", "removed", "same", "hunk", "note"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a difference."""

    kind: Kind
    old: int | None
    new: int | None
    """Its number in the file as it would be; None where it is not there any more."""
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True)
class File:
    """A file's difference."""

    change: Change
    rows: tuple[Row, ...]
    open: bool
    """Whether it is shown without a click."""


def files(changes: Sequence[Change]) -> list[File]:
    """Return every file that differs, unfolded where it hides characters."""
    shown, found = 0, []
    for change in changes:
        rows = tuple(_rows(change.lines[2:]))
        shown += len(rows)
        found.append(File(change=change, rows=rows, open=shown <= OPEN_LINES or bool(change.hidden)))
    return found


def _rows(lines: Sequence[str]) -> Iterator[Row]:
    old = new = 0
    for line in lines:
        hunk = _HUNK.match(line)
        if hunk:
            old, new = int(hunk[1]), int(hunk[2])
            yield Row(kind="hunk", old=None, new=None, pieces=(Piece(line, False),))
            continue
        row = _row(line, old, new)
        old, new = old + (row.old is not None), new + (row.new is not None)
        yield row


def _row(line: str, old: int, new: int) -> Row:
    pieces = tuple(marked(line[1:]))
    match line[:1]:
        case "+":
            return Row(kind="added", old=None, new=new, pieces=pieces)
        case "-":
            return Row(kind="removed", old=old, new=None, pieces=pieces)
        case "\\":
            return Row(kind="note", old=None, new=None, pieces=pieces)
    return Row(kind="same", old=old, new=new, pieces=pieces)
