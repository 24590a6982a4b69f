"""Changes that users of a package meet when they go from one tree to another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import chain

from phasegate.release.api import api_additions, api_breaks
from phasegate.release.compare import Grant, parameter_breaks, schema_breaks
from phasegate.release.inventory import Shipped, shipped
from phasegate.release.project import PYPROJECT, Project, read_project

_MOST_ADDED = 20
_OWN = ("CHANGELOG.md", "docs/releases/")


class Level(IntEnum):
    """Level of a change for those who use the package (semver.org)."""

    none = 0
    patch = 1
    minor = 2
    major = 3


class Section(StrEnum):
    """Changelog section of a change (keepachangelog.com)."""

    added = "Added"
    changed = "Changed"
    fixed = "Fixed"
    removed = "Removed"
    security = "Security"


@dataclass(frozen=True, kw_only=True)
class Change:
    """Change for the users of the package."""

    level: Level
    section: Section
    text: str
    """Sentence in the user's words."""


def changes(base: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[Change]:
    """Return the changes that users meet when they go from `base` to `new`, the weightiest first."""
    before, after = shipped(base), shipped(new)
    both = [(before[module], after[module]) for module in sorted(before.keys() & after.keys())]
    found = [
        *(_added(after[module]) for module in sorted(after.keys() - before.keys())),
        *(_removed(before[module]) for module in sorted(before.keys() - after.keys())),
        *chain.from_iterable(_runbook_changes(old, now) for old, now in both),
        *_package_changes(base, new),
        *(_api_changes(base, new) if not (before or after) else ()),
    ]
    # Shared parts are told only where no runbook has anything to tell.
    return sorted(found or _rest(base, new), key=lambda change: -change.level)


def permission_changes(
    base: Mapping[str, bytes], new: Mapping[str, bytes]
) -> dict[str, tuple[list[Grant], list[Grant]]]:
    """Return the grants that each policy gained and lost, by runbook name, without runbooks that keep theirs."""
    before, after = shipped(base), shipped(new)
    pairs = {
        (after.get(module) or before[module]).name: (_grants(after.get(module)), _grants(before.get(module)))
        for module in sorted(before.keys() | after.keys())
    }
    return {name: (sorted(now - old), sorted(old - now)) for name, (now, old) in pairs.items() if now != old}


def _grants(runbook: Shipped | None) -> frozenset[Grant]:
    return runbook.grants if runbook else frozenset()


def _added(runbook: Shipped) -> Change:
    return Change(level=Level.minor, section=Section.added, text=_short(f"Runbook `{runbook.name}`: {runbook.title}."))


def _removed(runbook: Shipped) -> Change:
    return Change(level=Level.major, section=Section.removed, text=f"Runbook `{runbook.name}` and its command.")


def _runbook_changes(old: Shipped, new: Shipped) -> list[Change]:
    found = [*_breaks(old, new), *_permissions(old, new), *_additions(old, new)]
    if not found and (old.code != new.code or old.definition != new.definition):
        found = [
            Change(
                level=Level.patch, section=Section.fixed, text=f"`{new.name}`: its findings or actions were corrected."
            )
        ]
    return found


def _breaks(old: Shipped, new: Shipped) -> Iterator[Change]:
    words = [*parameter_breaks(old.params, new.params), *_contract_breaks(old, new)]
    # What users keep about a finding, such as an approval, hangs on its id.
    if old.definition.get("id") != new.definition.get("id") and old.definition and new.definition:
        words.append("findings have other ids")
    for text in words:
        yield Change(level=Level.major, section=Section.changed, text=_short(f"`{new.name}`: {text}."))


def _contract_breaks(old: Shipped, new: Shipped) -> Iterator[str]:
    for name, schema in old.contracts.items():
        yield from (
            schema_breaks(schema, new.contracts[name]) if name in new.contracts else [f"contract `{name}` is gone"]
        )


def _permissions(old: Shipped, new: Shipped) -> Iterator[Change]:
    gained = new.grants - old.grants
    for action in sorted({grant.action for grant in gained}):
        writes = any(grant.writes for grant in gained if grant.action == action)
        known = any(grant.action == action for grant in old.grants)
        wider, why = "a wider" if known else "the", ", which changes things" * writes
        text = f"`{new.name}` needs {wider} permission `{action}`{why}."
        yield Change(level=Level.major if writes else Level.minor, section=Section.security, text=text)


def _additions(old: Shipped, new: Shipped) -> Iterator[Change]:
    for name in sorted(new.params.keys() - old.params.keys()):
        yield Change(level=Level.minor, section=Section.added, text=f"`{new.name}`: parameter `{name}`.")
    for name in sorted(new.params.keys() & old.params.keys()):
        if new.params[name] != old.params[name]:
            text = f"`{new.name}`: parameter `{name}` has another default."
            yield Change(level=Level.minor, section=Section.changed, text=text)
    if old.contracts != new.contracts and not list(_contract_breaks(old, new)):
        yield Change(level=Level.minor, section=Section.added, text=f"`{new.name}`: its findings say more.")
    if _what(old) != _what(new):
        yield Change(
            level=Level.minor, section=Section.changed, text=f"`{new.name}`: what `--apply` does, or guards, changed."
        )


def _what(runbook: Shipped) -> tuple[object, object]:
    return runbook.definition.get("action"), runbook.definition.get("guard")


def _package_changes(base: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[Change]:
    if PYPROJECT not in base:
        return
    old, now = read_project(base), read_project(new)
    for script in sorted(old.table.scripts.keys() - now.table.scripts.keys()):
        yield Change(level=Level.major, section=Section.removed, text=f"Command `{script}`.")
    if old.package != now.package:
        text = f"The package is imported as `{now.package}` instead of `{old.package}`."
        yield Change(level=Level.major, section=Section.changed, text=text)
    if _needs(old) != _needs(now):
        yield Change(
            level=Level.minor, section=Section.changed, text="What the package needs (Python, dependencies) changed."
        )


def _api_changes(base: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[Change]:
    """Yield the changes of a package without runbooks, whose users import it."""
    if PYPROJECT not in new:
        return
    package = read_project(new).package
    for text in api_breaks(base, new, package):
        yield Change(level=Level.major, section=Section.changed, text=_short(f"{text}."))
    added = api_additions(base, new, package)
    for path in added[:_MOST_ADDED]:
        yield Change(level=Level.minor, section=Section.added, text=f"`{path}`.")
    if len(added) > _MOST_ADDED:
        text = f"{len(added) - _MOST_ADDED} more functions, classes and values."
        yield Change(level=Level.minor, section=Section.added, text=text)


def _needs(project: Project) -> tuple[str, Sequence[str]]:
    return project.table.requires_python, sorted(str(requirement) for requirement in project.requirements)


def _rest(base: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[Change]:
    touched = {
        p for p in base.keys() | new.keys() if base.get(p) != new.get(p) and not p.startswith((PYPROJECT, *_OWN))
    }
    if not touched:
        return []
    code = any(path.startswith("src/") for path in touched)
    text = (
        "The package's shared parts were corrected." if code else "Documents, specs or tests were brought up to date."
    )
    return [Change(level=Level.patch, section=Section.fixed if code else Section.changed, text=text)]


def _short(text: str, words: int = 25) -> str:
    """The text in one line, cut to what a changelog line may hold."""
    parts = text.split()
    return " ".join(parts) if len(parts) <= words else " ".join(parts[:words]) + " …"
