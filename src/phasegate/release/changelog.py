"""CHANGELOG.md in the form of Keep a Changelog (keepachangelog.com, 1.1.0): read, and given a release's entry."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from phasegate.core.errors import InvalidInput
from phasegate.release.changes import Change, Section

MAX_WORDS = 25
_HEAD = (
    "# Changelog",
    "",
    "In the form of [Keep a Changelog](https://keepachangelog.com/en/1.1.0/); versions follow [SemVer](https://semver.org/).",
)
_RELEASE = re.compile(r"##\s+\[?(?P<version>[^\]\s]+)\]?(?:\([^)]*\))?(?:\s+-\s+(?P<date>\S+))?.*")
_SECTION = re.compile(r"###\s+(?P<name>\w+)\s*")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_REFERENCE = re.compile(r"\[[^\]]+\]:\s")
_UNRELEASED = "unreleased"


@dataclass(kw_only=True)
class _Block:
    """Release with the lines below its heading, which is empty for what stands before the first one."""

    heading: str = ""
    version: str = ""
    lines: list[str] = field(default_factory=list)


def add_entry(text: str, *, version: str, on: date, changes: Sequence[Change], note: str = "") -> str:
    """Add a release's entry right below `Unreleased`, whose lines move into it.

    Adding the same entry again changes nothing, so that a draft can be made twice.

    Args:
        text: The file so far; empty where there is none.
        version: Of the release.
        on: Its date, as the caller's clock says.
        changes: One line each.
        note: A line above the sections, such as that the release is a demo.

    Raises:
        InvalidInput: A line has more than 25 words.
    """
    _check(changes)
    blocks = _parse(text)
    waiting = _unreleased(blocks)
    entry = next((block for block in blocks if block.version == version), None)
    if entry is None:
        entry = _Block(version=version)
        blocks.insert(blocks.index(waiting) + 1, entry)
    entry.heading = f"## [{version}] - {on.isoformat()}"
    _merge(entry, waiting, changes, note)
    return _render(blocks, "\r\n" if "\r\n" in text else "\n")


def _check(changes: Sequence[Change]) -> None:
    long = [change.text for change in changes if len(change.text.split()) > MAX_WORDS]
    if long:
        fix = f"say the outcome in {MAX_WORDS} words or fewer"
        raise InvalidInput(f"a changelog line has more than {MAX_WORDS} words: {long[0]!r}", fix=fix)


def _parse(text: str) -> list[_Block]:
    blocks, fenced = [_Block()], False
    for line in text.lstrip("\ufeff").splitlines():
        fenced ^= bool(_FENCE.match(line))
        # A heading within a fence is an example, and begins no release.
        match = None if fenced else _RELEASE.fullmatch(line)
        if match:
            blocks.append(_Block(heading=line, version=match["version"]))
        else:
            blocks[-1].lines.append(line)
    return blocks


def _unreleased(blocks: list[_Block]) -> _Block:
    for block in blocks:
        if block.version.lower() == _UNRELEASED:
            return block
    if not any(line.strip() for line in blocks[0].lines):
        blocks[0].lines = list(_HEAD)
    blocks.insert(1, _Block(heading="## [Unreleased]", version="Unreleased"))
    return blocks[1]


def _merge(entry: _Block, waiting: _Block, changes: Sequence[Change], note: str) -> None:
    """Fill the entry with what it had, what waited, and the changes, each item once."""
    waiting_lines, references = _split_references(waiting.lines)
    own_lines, own_references = _split_references(entry.lines)
    sections: dict[str, list[str]] = {"": [], **{section.value: [] for section in Section}}
    ours = [("", note)] * bool(note) + [(c.section.value, f"- {' '.join(c.text.split())}") for c in changes]
    for section, item in (*_items(own_lines), *_items(waiting_lines), *ours):
        known = sections.setdefault(section, [])
        if item not in known:
            known.append(item)
    waiting.lines, entry.lines = references, [*_lines(sections), *own_references]


def _split_references(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    # Link definitions stand at the end of the file, and so below its last release; they belong to no section.
    return [x for x in lines if not _REFERENCE.match(x)], [x for x in lines if _REFERENCE.match(x)]


def _items(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Each list item or paragraph with the section it stands in, whole: continuation lines and code go with it."""
    items: list[tuple[str, str]] = []
    section, fenced, open_ = "", False, False
    for line in lines:
        match = None if fenced else _SECTION.fullmatch(line)
        if match:
            section, open_ = match["name"].capitalize(), False
        elif open_ and (fenced or line[:1].isspace() or not line.strip()):
            items[-1] = (section, f"{items[-1][1]}\n{line}")
        elif line.strip():
            items.append((section, line))
            open_ = True
        fenced ^= bool(_FENCE.match(line))
    return [(name, item.rstrip()) for name, item in items]


def _lines(sections: dict[str, list[str]]) -> list[str]:
    made: list[str] = []
    for name, lines in sections.items():
        if lines:
            made += ["", *([f"### {name}", ""] if name else []), *"\n".join(lines).split("\n")]
    return made


def _render(blocks: Sequence[_Block], newline: str) -> str:
    parts = []
    for block in blocks:
        body = "\n".join(block.lines).strip("\n")
        parts.append("\n\n".join(part for part in (block.heading, body) if part))
    return newline.join("\n\n".join(part for part in parts if part).split("\n")) + newline
