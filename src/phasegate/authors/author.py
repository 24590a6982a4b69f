"""The seam between the workflow and whoever writes: the compiler now, a model by the same door."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

from phasegate.core import Finding, identifier

if TYPE_CHECKING:
    from phasegate.runbooks.language.inventory import Inventory


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What every role knows of a run."""

    run: str
    spec: str
    """The spec's folder, from the top of the repository, such as `specs/001-unattached-ebs-volumes`."""
    project: str
    """The target's name on an index, such as `acme-runbooks`."""
    package: str
    """The target's Python package, such as `acme_runbooks`."""
    started_at: datetime
    """When the run began; all dates in artifacts and commits are this one, so that a resumed run writes equal bytes."""
    unreleasable: bool = False
    """Whether a policy decides in a person's place, so that nothing of it may leave this machine."""

    @property
    def date(self) -> date:
        """The day the run began."""
        return self.started_at.date()

    @property
    def midnight(self) -> datetime:
        """The begin of that day: the time that files in a release get."""
        return self.started_at.replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def folder(self) -> str:
        """The last part of the spec's folder, such as `001-unattached-ebs-volumes`."""
        return PurePosixPath(self.spec).name

    @property
    def name(self) -> str:
        """The runbook's name: the folder's without its number."""
        return self.folder.lstrip("0123456789").lstrip("-") or self.folder

    @property
    def module(self) -> str:
        """The runbook's Python module."""
        return identifier(self.folder)

    def paths(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """A workflow's artifact patterns for this run: `{spec}`, `{name}`, `{module}`, `{package}` filled in."""
        names = {"spec": self.spec, "name": self.name, "module": self.module, "package": self.package}
        return tuple(pattern.format(**names) for pattern in patterns)


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What a role is asked for."""

    facts: Facts
    phase: str
    role: str
    item: str
    """What this author makes in the phase, such as `code`."""
    round: int
    files: Mapping[str, bytes]
    """All artifacts so far, by path."""
    base: Mapping[str, bytes] = field(default_factory=dict)
    """The files of the newest release, or of the commit that the run began from where nothing was released."""
    taken: frozenset[str] = frozenset()
    """Versions that a release cannot have, since they were released or the index holds them; filled where it counts."""
    handed_in: Mapping[str, bytes] = field(default_factory=dict)
    """Files of the spec's folder that the user wrote since the attempt before; filled for the first phase alone."""
    findings: tuple[Finding, ...] = ()
    """What the round before left standing."""
    comments: tuple[str, ...] = ()
    """What the manager asked this author for; each wants an answer."""
    inventory: "Inventory | None" = None
    """What it looked at first; None: nobody looked."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a role hands over."""

    files: Mapping[str, bytes | None]
    """Path to content; None removes."""
    message: str
    """What the commit says."""
    answers: tuple[str, ...] = ()
    """One for each comment of the brief, in its order."""


class Author(Protocol):
    """Turns a brief into artifacts."""

    async def draft(self, brief: Brief) -> Draft:
        """Writes what the brief asks for.

        Raises:
            InvalidInput: the brief cannot be met; the message says what to add.
        """
        ...


class ScriptedAuthor:
    """The double: drafts what a function says."""

    def __init__(self, script: Callable[[Brief], Awaitable[Draft]]) -> None:
        self._script = script

    async def draft(self, brief: Brief) -> Draft:
        """Asks the function."""
        return await self._script(brief)


def digests_path(version: str) -> str:
    """Where a release keeps the SHA-256 of what was built, by file name: what is approved there is published."""
    return f"docs/releases/{version}.sha256.json"
