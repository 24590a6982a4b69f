"""Material of a prompt: exactly the artifacts that a role reads, and what changed since it read them."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from phasegate.authors.author import Brief, Facts, matches
from phasegate.authors.deliverable import Deliverable
from phasegate.authors.review import Subject
from phasegate.core import visible

MOST_CHARACTERS = 60_000
"""Of one file; of a longer one the beginning is shown, and how much is left out."""


def variables(brief: Brief, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the variables of an author's template.

    Args:
        brief: what is asked for.
        files: the artifacts, those that the compiler wrote first included.
    """
    return {
        **_common(brief.facts, brief.kind),
        "outputs": brief.outputs,
        "artifacts": _texts(files, brief.facts.paths(brief.reads)),
        "changes": "",
        "findings": brief.findings,
        "comments": brief.comments,
        "observations": {name: visible(str(dict(seen))) for name, seen in brief.observations.items()},
    }


def review_variables(subject: Subject) -> dict[str, Any]:
    """Return the variables of a reviewer's template, for a later round with what changed in place of every artifact."""
    facts, reads = subject.facts, subject.facts.paths(subject.reads)
    return {
        **_common(facts, subject.kind),
        "outputs": (),
        "artifacts": {} if subject.earlier else _texts(subject.files, reads),
        "changes": _changes(subject.earlier, subject.files, reads) if subject.earlier else "",
        "findings": subject.findings,
        "comments": subject.comments,
        "observations": {name: visible(str(dict(seen))) for name, seen in subject.observations.items()},
    }


def _common(facts: Facts, kind: Deliverable) -> dict[str, Any]:
    return {
        "folder": facts.spec,
        "package": facts.package,
        "module": facts.module,
        "product": kind.product,
        "today": facts.date.isoformat(),
        "tools": (),
    }


def _texts(files: Mapping[str, bytes], patterns: Iterable[str]) -> dict[str, str]:
    patterns = tuple(patterns)
    return {path: _text(content) for path, content in files.items() if matches(path, patterns)}


def _text(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f"({len(content):,} bytes that are not text)"
    plain = text.isascii() and text.replace("\n", "").isprintable()
    shown = text if plain else "\n".join(visible(line.replace("\t", "    ")) for line in text.split("\n"))
    if len(shown) <= MOST_CHARACTERS:
        return shown
    return f"{shown[:MOST_CHARACTERS]}\n(and {len(shown) - MOST_CHARACTERS:,} characters more)"


def _changes(before: Mapping[str, bytes], after: Mapping[str, bytes], patterns: Iterable[str]) -> str:
    patterns = tuple(patterns)
    paths = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    return "".join(_difference(path, before, after) for path in paths if matches(path, patterns))


def _difference(path: str, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    old, new = (_text(files.get(path, b"")).splitlines(keepends=True) for files in (before, after))
    lines = difflib.unified_diff(
        old, new, path if path in before else "/dev/null", path if path in after else "/dev/null"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
