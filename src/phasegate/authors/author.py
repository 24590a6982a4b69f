"""Seam between the workflow and whoever writes."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Protocol, Self

from phasegate.authors.deliverable import Deliverable
from phasegate.core import Finding, PhasegateError, Severity, identifier
from phasegate.models import Spent

CHECK = "artifact-paths"
"""Check in whose name files of a draft are refused."""
Observations = Mapping[str, Mapping[str, Any]]
"""What a role looked at before it works, as JSON by the name of the look; a look that nobody took is left out."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts of a run that every role knows."""

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
        """Day on which the run began."""
        return self.started_at.date()

    @property
    def midnight(self) -> datetime:
        """Begin of that day, which is the time of files in a release."""
        return self.started_at.replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def folder(self) -> str:
        """Last part of the spec's folder, such as `001-unattached-ebs-volumes`."""
        return PurePosixPath(self.spec).name

    @property
    def name(self) -> str:
        """Name of what is built: the folder's without its number."""
        return self.folder.lstrip("0123456789").lstrip("-") or self.folder

    @property
    def module(self) -> str:
        """Name of its Python module."""
        return identifier(self.folder)

    def paths(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """Fill `{spec}`, `{name}`, `{module}` and `{package}` of a workflow's path patterns in."""
        names = {"spec": self.spec, "name": self.name, "module": self.module, "package": self.package}
        return tuple(pattern.format(**names) for pattern in patterns)


@dataclass(frozen=True, kw_only=True)
class Brief:
    """Order to one role: one item of one phase."""

    facts: Facts
    key: str
    """Name of the order within the run, `PHASE/ATTEMPT/ROUND/ITEM`; a draft that is asked for again has the same."""
    kind: Deliverable
    phase: str
    role: str
    item: str
    """What this author makes in the phase, such as `code`."""
    round: int
    outputs: tuple[str, ...]
    """Path patterns that the workflow lets this author write."""
    files: Mapping[str, bytes]
    """All artifacts so far, by path."""
    reads: tuple[str, ...] = ("{spec}/*",)
    """Path patterns of the artifacts that the role needs, with the placeholders of a workflow."""
    base: Mapping[str, bytes] = field(default_factory=dict)
    """The files of the newest release, or of the commit that the run began from where nothing was released."""
    taken: frozenset[str] = frozenset()
    """Versions that a release cannot have, since they were released or the index holds them; filled where it counts."""
    handed_in: Mapping[str, bytes] = field(default_factory=dict)
    """Files of the spec's folder that the user wrote since the attempt before; filled for the first phase alone."""
    findings: tuple[Finding, ...] = ()
    """Findings of the round before, those about paths of its draft among them."""
    comments: tuple[str, ...] = ()
    """What the manager asked this author for; each wants an answer."""
    observations: Observations = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Files that a role hands over."""

    files: Mapping[str, bytes | None]
    """Path to content; None removes."""
    message: str
    """What the commit says."""
    answers: tuple[str, ...] = ()
    """One for each comment of the brief, in its order."""
    findings: tuple[Finding, ...] = ()
    """What the author itself has to say of the draft, such as questions that only a person can answer."""
    model: str = ""
    """Chat model that wrote it; empty: none did."""
    spent: Spent | None = None
    """What the calls of the model used; None: none was called."""
    sent_back: tuple[str, ...] = ()
    """Faults for which the model was asked again before this draft."""

    def without(self, paths: Collection[str]) -> Self:
        """Return the draft with these paths left out."""
        return replace(self, files={path: content for path, content in self.files.items() if path not in paths})


class Author(Protocol):
    """Turns a brief into artifacts."""

    async def draft(self, brief: Brief) -> Draft:
        """Write what the brief asks for.

        A run that is killed asks again with an equal brief. Until the draft is stored, an author may be asked for it
        any number of times.

        Raises:
            InvalidInput: the brief cannot be met; the message says what to add.
            NotReady: the draft will be handed in later, after which the run is dispatched again.
        """


class NotReady(Exception):
    """Somebody else has to hand a draft or a review in first, so that the run waits without being worked on."""

    def __init__(self, key: str, role: str) -> None:
        super().__init__(f"{role} has not handed in '{key}'")
        self.key = key


class FunctionAuthor:
    """Double that calls a function."""

    def __init__(self, write: Callable[[Brief], Awaitable[Draft]]) -> None:
        self._write = write

    async def draft(self, brief: Brief) -> Draft:
        """Call the function."""
        return await self._write(brief)


class ScriptedAuthor:
    """Double that hands over a list of drafts, one a call."""

    def __init__(self, drafts: Iterable[Draft]) -> None:
        self._drafts = iter(drafts)

    async def draft(self, brief: Brief) -> Draft:
        """Return the next draft.

        Raises:
            PhasegateError: the list is used up.
        """
        draft = next(self._drafts, None)
        if draft is None:
            raise PhasegateError(f"no draft is left for '{brief.key}'", fix="add one to the list of this author")
        return draft


def stray_paths(brief: Brief, paths: Iterable[str]) -> Iterator[Finding]:
    """Yield a blocking finding for each path that this author may not write.

    Args:
        brief: the order; the workflow's outputs and the files of its kind of deliverable both bind.
        paths: of the draft.
    """
    for path in sorted(paths):
        if not (matches(path, brief.outputs) and matches(path, brief.facts.paths(brief.kind.files))):
            allowed = _allowed(brief)
            may = f"in phase '{brief.phase}' it may write {allowed}"
            yield Finding(
                check=CHECK,
                rule="stray-path",
                severity=Severity.high,
                path=path,
                message=f"{brief.role} wrote '{path}', which is left out: {may}",
                fix=f"write it to {allowed}; or list the path under this author's artifacts in the workflow",
            )


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a path stays in the repository and matches one of the patterns.

    >>> matches("docs/a.md", ["docs/*"]), matches("docs/../.git/config", ["docs/*"])
    (True, False)
    """
    inside = not {"", ".", ".."}.intersection(path.split("/")) and ".git" not in path.lower().split("/")
    return inside and any(fnmatchcase(path, pattern) for pattern in patterns)


def _allowed(brief: Brief) -> str:
    """Return the patterns in words, both of them where the kind of deliverable narrows the role's."""
    outputs, files = ", ".join(brief.outputs), brief.kind.files
    narrowed = "" if files == ("*",) else f" within {', '.join(brief.facts.paths(files))} (a {brief.kind.name})"
    return outputs + narrowed


def digests_path(version: str) -> str:
    """Return the path where a release keeps the SHA-256 of each file that was built: what is approved is published."""
    return f"docs/releases/{version}.sha256.json"
