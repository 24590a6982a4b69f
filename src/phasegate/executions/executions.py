"""The Runbooks API: what was released, what it finds, and how that stands over time, for every face."""

import asyncio
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from phasegate.app.app import App
from phasegate.core import InvalidInput, PhasegateError, UsageError
from phasegate.core.secrets import find_secrets
from phasegate.executions import history
from phasegate.executions.command import Line, aws_environment, run_command
from phasegate.executions.released import Package, Releases
from phasegate.executions.scans import Scans
from phasegate.executions.views import (
    Asked,
    FindingState,
    FindingView,
    RunbookView,
    ScanView,
    standing_state,
)

_AT_ONCE = 2
_MOST_REASON = 1000


@dataclass(frozen=True, kw_only=True)
class Executions:
    """Released runbooks at work in a repository."""

    app: App
    releases: Releases
    scans: Scans
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    _tasks: set[asyncio.Task[ScanView]] = field(default_factory=set)

    async def runbooks(self) -> list[RunbookView]:
        """Return the released runbooks by name, each of its newest release."""
        scans, standing = await self.scans.newest(), await self.findings()
        return [
            _runbook(package, runbook, await self.releases.versions(name), scans.get(name), standing)
            for package, runbook in await self.releases.newest()
            for name in [str(runbook["name"])]
        ]

    async def runbook(self, name: str) -> RunbookView:
        """Return a released runbook.

        Raises:
            UsageError: there is none of that name.
        """
        package, runbook = await self.releases.find(name)
        versions = await self.releases.versions(name)
        last = (await self.scans.newest()).get(name)
        return _runbook(package, runbook, versions, last, await self.findings(name))

    async def scan(self, name: str, asked: Asked, by: str, *, version: str = "", tell: Line | None = None) -> ScanView:
        """Scan with a released runbook, and return the scan: as it ended, or the one of the same that is under way.

        Nothing is changed: the released command looks, and reports.

        Args:
            name: of the runbook.
            asked: where and how it looks.
            by: who asks.
            version: of the release; empty: the newest.
            tell: called with each line of its progress.

        Raises:
            UsageError: there is no such runbook.
            Refused: the installed package is not what was released.
        """
        package, begun, fresh = await self._begun(name, asked, by, version)
        return await self._work(package, begun, tell) if fresh else begun

    async def begin_scan(self, name: str, asked: Asked, by: str, *, version: str = "") -> ScanView:
        """Begin a scan that this process works on while it serves, as `scan` does, and return it as it stands."""
        package, begun, fresh = await self._begun(name, asked, by, version)
        if fresh:
            task = asyncio.create_task(self._work(package, begun, None), name=begun.id)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return begun

    async def close(self) -> None:
        """Interrupt the scans that this process works on."""
        working = list(self._tasks)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        for task in working:
            if task.cancelled():
                await self.scans.interrupt(task.get_name())

    async def findings(self, runbook: str = "", states: Collection[FindingState] = ()) -> list[FindingView]:
        """Return the findings of all scans that counted, of one runbook or of all, in these states or in any."""
        now = self.app.clock.now()
        rows = await self.app.database.read(history.rows, runbook)
        found = [_finding(row, standing_state(row, now)) for row in rows]
        return [each for each in found if not states or each.state in states]

    async def finding(self, id: str) -> FindingView:
        """Return a finding.

        Raises:
            UsageError: there is none of that id.
        """
        found = next((each for each in await self.findings() if each.id == id), None)
        if found is None:
            raise UsageError(f"there is no finding '{id}'", fix="list them: 'phasegate runbook findings'")
        return found

    async def mark(
        self, id: str, state: FindingState | None, by: str, reason: str = "", until: datetime | None = None
    ) -> FindingView:
        """Waive a finding, call it a false positive, or with None take that back.

        Args:
            id: of the finding.
            state: `waived`, `false_positive` or None.
            by: the person who says so.
            reason: why; required but for taking back.
            until: when a waiver ends; None: it does not.

        Raises:
            UsageError: there is no such finding.
            InvalidInput: the reason is missing, too long or holds a secret, or the end is past.
        """
        if state is not None:
            _require_reason(reason)
        if until is not None and until <= self.app.clock.now():
            raise InvalidInput("a waiver that ends in the past waives nothing", fix="give a day to come")
        if not await self.app.database.write(history.mark, id, state, by, reason.strip(), until):
            raise UsageError(f"there is no finding '{id}'", fix="list them: 'phasegate runbook findings'")
        return await self.finding(id)

    async def _begun(self, name: str, asked: Asked, by: str, version: str) -> tuple[Package, ScanView, bool]:
        package, _ = await self.releases.find(name, version)
        await asyncio.to_thread(package.require_unchanged)
        words(asked)  # refused before anything is recorded
        return package, *await self.scans.begin(package, name, asked, by)

    async def _work(self, package: Package, begun: ScanView, tell: Line | None) -> ScanView:
        env = aws_environment(os.environ, self.app.config.aws.endpoint_url)
        try:
            async with self._room:
                command = [begun.runbook, *words(begun.asked), "--json", "-v"]
                ran = await run_command(package, command, env=env, tell=tell)
            return await self.scans.end(begun.id, ran)
        except (PhasegateError, OSError) as error:
            return await self.scans.fail(begun.id, str(error))


def executions_of(app: App) -> Executions:
    """Return the released runbooks of a repository."""
    scans = Scans(database=app.database, clock=app.clock, folder=app.state / "scans")
    return Executions(app=app, releases=Releases(app=app), scans=scans)


def words(asked: Asked) -> list[str]:
    """Return the words of the released command that ask the same.

    Raises:
        InvalidInput: a value could be read as another option.
    """
    given = [
        *(("--region", each) for each in asked.regions),
        *(("--except-region", each) for each in asked.except_regions),
        *([("--accounts", asked.accounts)] if asked.accounts else []),
        *([("--profile", asked.profile)] if asked.profile else []),
        *([("--as-of", asked.as_of.isoformat())] if asked.as_of else []),
        *(("--param", f"{name}={json.dumps(value)}") for name, value in sorted(asked.params.items())),
    ]
    wrong = next((value for _, value in given if value.startswith("-")), None)
    if wrong is not None:
        raise InvalidInput(f"'{wrong}' is no value of a scan", fix="leave the '-' at its beginning out")
    return [f"{option}={value}" for option, value in given]


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput("a reason is missing", fix="say why, for whoever reads it later")
    if len(reason) > _MOST_REASON:
        raise InvalidInput(f"the reason has more than {_MOST_REASON:,} characters", fix="say it in a few sentences")
    if find_secrets(reason):
        raise InvalidInput("the reason holds what looks like a secret", fix="say it without, and have it replaced")


def _runbook(
    package: Package,
    runbook: Mapping[str, Any],
    versions: Sequence[str],
    last: ScanView | None,
    findings: Sequence[FindingView],
) -> RunbookView:
    name = str(runbook["name"])
    standing = [each for each in findings if each.runbook == name and each.state.stands and each.verdict == "match"]
    return RunbookView(
        **{key: runbook[key] for key in ("name", "title", "kind", "severity", "acts", "schedule")},
        version=package.version,
        versions=tuple(versions),
        run=package.run,
        permissions=package.permissions(name),
        standing=len(standing),
        cost_per_month=sum((each.cost_per_month for each in standing if each.cost_per_month), Decimal(0)),
        currency=next((each.currency for each in standing if each.currency), "USD"),
        last_scan=last,
    )


def _finding(row: Mapping[str, Any], state: FindingState) -> FindingView:
    same = ("id", "runbook", "account", "region", "item", "verdict", "severity", "currency", "held_back", "version")
    return FindingView(
        **{name: row[name] for name in same},
        state=state,
        cost_per_month=None if row["cost"] is None else Decimal(row["cost"]),
        evidence=json.loads(row["evidence"]),
        first_seen=_time(row["first_at"]),
        last_seen=_time(row["last_at"]),
        fixed_at=None if row["fixed_at"] is None else _time(row["fixed_at"]),
        scan=row["last_scan"],
        times_back=row["times_back"],
        mark_by=row["mark_by"],
        mark_reason=row["mark_reason"],
        mark_until=None if row["mark_until"] is None else _time(row["mark_until"]),
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
