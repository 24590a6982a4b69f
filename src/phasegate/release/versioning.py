"""The next version of a package, from what changed in it and not from what anyone says of the change."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import assert_never

import tomlkit
from packaging.version import Version

from phasegate.core.errors import InvalidInput
from phasegate.release.changes import Change, Level, Section, changes
from phasegate.release.project import PYPROJECT, read_project

DEMO = "demo"
"""The local label (PEP 440) of what may not be released; public indexes refuse any local label."""


@dataclass(frozen=True, kw_only=True)
class Bump:
    """Next version, and the changes that call for it."""

    current: str
    version: str
    level: Level
    changes: tuple[Change, ...]


def propose(
    base: Mapping[str, bytes],
    new: Mapping[str, bytes],
    *,
    demo: bool = False,
    taken: Collection[str] = (),
) -> Bump:
    """The version that `new` has to get after the release that `base` was.

    Args:
        base: The tree of the last release, or of the branch that the run started from.
        new: The tree to be released.
        demo: The run is unreleasable; its version gets the local label `+demo`.
        taken: Versions that are in use, whatever their label; the next free one is proposed instead.

    Raises:
        InvalidInput: A pyproject.toml, policy, contract or runbook.yaml cannot be read.
    """
    found = changes(base, new)
    level = max((change.level for change in found), default=Level.none)
    current = read_project(base if PYPROJECT in base else new).version
    # A demo's local label does not free its number: the released one would look the same to people.
    used = {Version(version).public for version in taken}
    version = next_version(current, level, demo=demo)
    while Version(version).public in used:
        version = next_version(version, max(level, Level.patch), demo=demo)
    if used and level is Level.none:
        found = [Change(level=Level.none, section=Section.changed, text=f"Nothing changed against {current}.")]
    return Bump(current=current, version=version, level=level, changes=tuple(found))


def next_version(current: str, level: Level, *, demo: bool = False) -> str:
    """Return the version after `current`.

    Below 1.0 a break counts as minor, since nothing is promised yet.

    >>> next_version("1.4.2", Level.minor), next_version("0.4.2", Level.major)
    ('1.5.0', '0.5.0')
    >>> next_version("1.4.2", Level.patch, demo=True)
    '1.4.3+demo'
    """
    major, minor, patch = (*Version(current).release, 0, 0)[:3]
    match Level.minor if level is Level.major and major == 0 else level:
        case Level.none:
            after = (major, minor, patch)
        case Level.patch:
            after = (major, minor, patch + 1)
        case Level.minor:
            after = (major, minor + 1, 0)
        case Level.major:
            after = (major + 1, 0, 0)
        case _ as never:
            assert_never(never)
    return ".".join(map(str, after)) + (f"+{DEMO}" if demo else "")


def unreleasable(version: str) -> bool:
    """Return whether the version says that it came from a demo.

    >>> unreleasable("1.0.0+demo"), unreleasable("1.0.0")
    (True, False)
    """
    return DEMO in (Version(version).local or "").split(".")


def with_version(tree: Mapping[str, bytes], version: str) -> dict[str, bytes]:
    """Return the tree with that version in pyproject.toml, comments and layout kept.

    Raises:
        InvalidInput: pyproject.toml is missing, is no TOML, or has no version of its own.
    """
    read_project(tree)
    document = tomlkit.parse(tree[PYPROJECT].decode())
    project = document["project"]
    if not isinstance(project, tomlkit.items.Table):
        raise InvalidInput("[project] in pyproject.toml is no table", fix="write it as a table of its own")
    project["version"] = str(Version(version))
    return {**tree, PYPROJECT: tomlkit.dumps(document).encode()}
