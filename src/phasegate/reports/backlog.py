"""Specs in the working directory that no run has taken yet, ranked by the manager."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from phasegate.app.app import App
from phasegate.core import PhasegateError, UsageError
from phasegate.core.report import Report
from phasegate.ledger import Run
from phasegate.store import locked
from phasegate.store.schema import backlog
from phasegate.workflow import Credentials

_REMEMBERED = 1000


class BacklogItem(Report):
    """A spec that could be begun."""

    spec: str
    """Its folder, from the top of the repository."""
    title: str
    what: str
    findings: int
    blocking: int
    """Findings that keep it from being begun."""
    says: str = ""
    """Why it cannot be read at all; empty where it can."""


@dataclass(frozen=True)
class Backlog:
    """The backlog of one repository."""

    app: App

    async def rows(self) -> list[BacklogItem]:
        """Return the specs by rank, then those without one by name."""
        return [await self.look(spec) for spec in await self.names()]

    async def names(self) -> list[str]:
        """Return the folders of the specs in that order, without reading them."""
        taken = {run.spec for run in await self.app.ledger.runs()}
        ranks = await self.app.database.read(_ranks)
        there = await asyncio.to_thread(self.app.folder.specs)
        return sorted(there - taken, key=lambda spec: (ranks.get(spec, len(ranks)), spec))

    async def look(self, spec: str) -> BacklogItem:
        """Read a spec's title and findings."""
        return await asyncio.to_thread(self._look, spec)

    async def find(self, spec: str) -> BacklogItem:
        """Return the spec.

        Raises:
            UsageError: it is not in the backlog.
        """
        if spec not in await self.names():
            raise UsageError(f"'{spec}' is not in the backlog", fix="see what is in it, and name one of those")
        return await self.look(spec)

    async def begin(self, spec: str, by: str = "", who: Credentials | None = None) -> Run:
        """Begin a run of the spec for a worker to take, once among several that ask.

        Args:
            spec: its folder, from the top of the repository.
            by: name of who begins it.
            who: the person who begins it, where they signed in.

        Raises:
            UsageError: it is not in the backlog.
            InvalidInput: it does not hold; `findings` say where.
            Missing: there is no sandbox for what it will write.
        """
        # Two people who begin the same spec at the same moment would both find it in the backlog.
        async with locked(self.app.database.store, "backlog"):
            row = await self.find(spec)
            return await self.app.start(self.app.folder.path / row.spec, by=by, who=who)

    async def rank(self, order: Sequence[str]) -> None:
        """Rank these specs first, in that order, before the others in theirs.

        Raises:
            UsageError: one of them is not in the backlog.
        """
        specs = await self.names()
        unknown = [spec for spec in order if spec not in specs]
        if unknown:
            raise UsageError(f"'{unknown[0]}' is not in the backlog", fix="see what is in it, and name one of those")
        await self.app.database.write(_rank, list(dict.fromkeys([*order, *specs])))

    async def move(self, spec: str, by: int) -> None:
        """Move a spec by so many places, up for a negative number.

        Raises:
            UsageError: it is not in the backlog.
        """
        specs = await self.names()
        if spec not in specs:
            raise UsageError(f"'{spec}' is not in the backlog", fix="see what is in it, and name one of those")
        place = max(0, specs.index(spec) + by)
        others = [each for each in specs if each != spec]
        await self.rank([*others[:place], spec, *others[place:]])

    def _look(self, spec: str) -> BacklogItem:
        try:
            files = self.app.folder.read(spec)
        except PhasegateError as error:
            return _unreadable(spec, error)
        # A spec is judged once for each content: one that takes long must not slow every later list.
        key = _digest(files)
        known: dict[bytes, BacklogItem] = self.app.judged
        if key not in known:
            while len(known) >= _REMEMBERED:
                known.pop(next(iter(known)))
            known[key] = self._judge(files, spec)
        return known[key]

    def _judge(self, files: Mapping[str, bytes], spec: str) -> BacklogItem:
        from phasegate.spec import read_spec  # reading Markdown is needed here alone

        try:
            read = read_spec(files, spec)
            findings = self.app.lint(spec)
        except PhasegateError as error:
            return _unreadable(spec, error)
        blocking = sum(finding.blocking for finding in findings)
        return BacklogItem(spec=spec, title=read.title, what=read.what, findings=len(findings), blocking=blocking)


def _unreadable(spec: str, error: PhasegateError) -> BacklogItem:
    return BacklogItem(spec=spec, title=spec.rpartition("/")[2], what="", findings=1, blocking=1, says=str(error))


def _digest(files: Mapping[str, bytes]) -> bytes:
    parts = (part for path in sorted(files) for part in (path.encode(), files[path]))
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


def _ranks(connection: sa.Connection) -> dict[str, int]:
    return {row.spec: row.rank for row in connection.execute(sa.select(backlog))}


def _rank(connection: sa.Connection, order: Sequence[str]) -> None:
    connection.execute(backlog.delete())
    if order:
        connection.execute(backlog.insert(), [{"spec": spec, "rank": rank} for rank, spec in enumerate(order)])
