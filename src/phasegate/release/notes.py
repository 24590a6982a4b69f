"""Release notes: what a user of the package reads before they take a new version."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from phasegate.release.changes import Change, Section
from phasegate.release.compare import Grant
from phasegate.release.versioning import unreleasable

_HIDDEN = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_MARKUP = re.compile(r"([<>\[\]!])")


@dataclass(frozen=True, kw_only=True)
class Notes:
    """Input of the notes of one release."""

    project: str
    version: str
    previous: str = ""
    """The version to go back to; empty for the first release."""
    on: date
    changes: Sequence[Change]
    permissions: Mapping[str, tuple[Sequence[Grant], Sequence[Grant]]] = field(default_factory=dict)
    """By runbook: the grants gained, the grants lost."""
    requirements: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By spec, the ids that the release serves."""
    untested: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By spec, the acceptance criteria that no test shows: somebody waived the finding."""
    index: str = ""
    """Address of the package index; empty for the one that pip is set up for."""


def notes_path(version: str) -> str:
    """Return the path of a version's notes in the tree."""
    return f"docs/releases/{version}.md"


def release_notes(notes: Notes) -> str:
    """The notes as Markdown. Text that came from a spec cannot bring links, pictures or HTML of its own."""
    demo = " **This is a demo: a policy decided instead of a person, and it may not be released.**"
    parts = [
        f"# {notes.project} {notes.version}",
        f"Released on {notes.on.isoformat()}.{demo if unreleasable(notes.version) else ''}",
        "## What is new",
        *_news(notes.changes),
        "## Install",
        f"```console\n{_install(notes, notes.version)}\n```",
        "## Permissions",
        _permissions(notes.permissions),
        "## How to go back",
        _undo(notes),
        "## Requirements served",
        "\n".join(f"- {plain(name)}: {', '.join(map(plain, ids))}" for name, ids in sorted(notes.requirements.items()))
        or "None: no spec has part in this release.",
        *_untested(notes.untested),
    ]
    return "\n\n".join(parts) + "\n"


def _untested(untested: Mapping[str, Sequence[str]]) -> list[str]:
    rows = [f"- {plain(name)}: {', '.join(map(plain, ids))}" for name, ids in sorted(untested.items()) if ids]
    return ["## Not shown by a test", "\n".join(rows)] if rows else []


def plain(text: str) -> str:
    """The text in one line, without invisible characters, its Markdown links, pictures and HTML escaped.

    >>> plain("a\\n![x](http://h) <b>")
    'a \\\\!\\\\[x\\\\](http://h) \\\\<b\\\\>'
    """
    return _MARKUP.sub(r"\\\1", _HIDDEN.sub("", " ".join(text.split())))


def _news(changes: Sequence[Change]) -> list[str]:
    by_section = {section: [c for c in changes if c.section is section] for section in Section}
    parts = [
        f"### {section}\n\n" + "\n".join(f"- {plain(change.text)}" for change in found)
        for section, found in by_section.items()
        if found
    ]
    return parts or ["Nothing that a user would notice."]


def _install(notes: Notes, version: str) -> str:
    return f"pip install {f'--extra-index-url {notes.index} ' if notes.index else ''}'{notes.project}=={version}'"


def _permissions(changed: Mapping[str, tuple[Sequence[Grant], Sequence[Grant]]]) -> str:
    lines = [
        line
        for name, (gained, lost) in sorted(changed.items())
        for line in (
            *(f"- `{name}` now needs {_grant(grant)}" for grant in gained),
            *(f"- `{name}` no longer needs {_grant(grant)}" for grant in lost),
        )
    ]
    return "\n".join(lines) or "No permission changed."


def _grant(grant: Grant) -> str:
    kind = "changes things" if grant.writes else "reads"
    where = "any resource" if grant.resource == "*" else f"`{grant.resource}`"
    limit = f", only where `{grant.condition}`" if grant.condition else ""
    return f"`{grant.action}` ({kind}) on {where}{limit}."


def _undo(notes: Notes) -> str:
    if notes.previous:
        # pip takes any version by name, so going back is an install like any other.
        back = f"The version before is {notes.previous}; it needs the permissions that it had.\n\n"
        back += f"```console\n{_install(notes, notes.previous)}\n```"
    else:
        back = f"This is the first release.\n\n```console\npip uninstall {notes.project}\n```"
    return f"{back}\n\nA change that a runbook made in an account is undone as the runbook's own page says."
