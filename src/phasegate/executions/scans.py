"""Scans of released runbooks: asked for, run apart, and kept with what they found."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from phasegate.core import Clock, Refused, UsageError, digest, new_id
from phasegate.core.files import OWNER_FILE, owner_folder, write_whole
from phasegate.core.processes import host, process_start
from phasegate.executions.history import fold
from phasegate.executions.released import Package
from phasegate.executions.views import Asked, ScanState, ScanView
from phasegate.release.process import Ran
from phasegate.store import Database
from phasegate.store.schema import scans

_REPORTED = (0, 3)
"""Exit codes of a command that printed a report: complete, and incomplete."""
_NEEDED = ("runbook", "params", "regions", "digest", "counts", "findings", "errors", "cost_per_month", "currency")
_MOST_PROBLEM = 800


@dataclass(frozen=True, kw_only=True)
class Scans:
    """The scans of a repository, and their reports in a folder of the record."""

    database: Database
    clock: Clock
    folder: Path

    async def begin(self, package: Package, runbook: str, asked: Asked, by: str) -> tuple[ScanView, bool]:
        """Record that a scan begins in this process, and return it with True.

        Where one of the same question is under way, return that one with False.
        """
        values = {
            "id": new_id(10),
            "runbook": runbook,
            "version": package.version,
            "wheel": package.sha256,
            "asked": asked.model_dump_json(),
            "by": by,
            "state": ScanState.running.value,
            "begun_at": _ms(self.clock.now()),
            "host": host(),
            "pid": os.getpid(),
            "born": process_start(os.getpid()),
            "recorded": asked.usual,
        }
        row = await self.database.write(_begun, values)
        return _view(row), row["id"] == values["id"]

    async def end(self, scan: str, ran: Ran) -> ScanView:
        """Keep what the command printed, and add it to the history of findings."""
        try:
            report = _report(ran)
        except ValueError as error:
            return await self.fail(scan, str(error))
        text = json.dumps(report, indent=1, sort_keys=True).encode()
        # The file first: a row that names a report which was never written would be a lie.
        await asyncio.to_thread(self._keep, scan, text)
        state = ScanState.incomplete if report["errors"] else ScanState.complete
        now = _ms(self.clock.now())
        return _view(await self.database.write(_ended, scan, state, report, digest(text), now))

    async def fail(self, scan: str, problem: str) -> ScanView:
        """Record that a scan gave no report."""
        now = _ms(self.clock.now())
        values = {"state": ScanState.failed.value, "ended_at": now, "problem": problem[:_MOST_PROBLEM]}
        return _view(await self.database.write(_changed, scan, values))

    async def interrupt(self, scan: str) -> ScanView:
        """Record that a scan was stopped before its end."""
        values = {"state": ScanState.interrupted.value, "ended_at": _ms(self.clock.now())}
        return _view(await self.database.write(_changed, scan, values))

    async def listed(self, runbook: str = "") -> list[ScanView]:
        """Return the scans, the newest first, of one runbook or of all."""
        return [_view(row) for row in await self.database.read(_rows, runbook)]

    async def newest(self) -> Mapping[str, ScanView]:
        """Return the newest scan of each runbook, by the runbook's name."""
        return {row["runbook"]: _view(row) for row in await self.database.read(_newest)}

    async def find(self, scan: str) -> ScanView:
        """Return a scan.

        Raises:
            UsageError: there is none of that id.
        """
        row = await self.database.read(_one, scan)
        if row is None:
            raise UsageError(f"there is no scan '{scan}'", fix="list them: 'phasegate runbook scans'")
        return _view(row)

    async def report(self, scan: str) -> Mapping[str, Any]:
        """Return the report of a scan, as the released command printed it.

        Raises:
            UsageError: there is no such scan, or it has no report.
            Refused: the file is not the one that was kept; `report_changed`.
        """
        found = await self.find(scan)
        if not found.state.reported:
            raise UsageError(
                f"scan '{scan}' has no report: it is {found.state}", fix=f"{found.problem or 'scan again'}"
            )
        path = self._path(scan)
        content = await asyncio.to_thread(path.read_bytes) if path.is_file() else b""
        if digest(content) != found.digest:
            what = "was changed" if content else "is gone"
            raise Refused(f"the report of scan '{scan}' {what}: {path}", reason="report_changed", fix="scan again")
        report: Mapping[str, Any] = json.loads(content)
        return report

    def _keep(self, scan: str, text: bytes) -> None:
        owner_folder(self.folder, parents=False)
        write_whole(self._path(scan), text, OWNER_FILE)

    def _path(self, scan: str) -> Path:
        return self.folder / f"{scan}.json"


def newest_first(scan: ScanView) -> tuple[int | str, ...]:
    """Return the key by which a list of scans is sorted and paged."""
    return -int(scan.begun_at.timestamp() * 1000), scan.id


def _report(ran: Ran) -> dict[str, Any]:
    """Return the report that a command printed.

    Raises:
        ValueError: it printed none; the message says why.
    """
    if ran.exit_code not in _REPORTED:
        raise ValueError(_said(ran))
    try:
        report = json.loads(ran.stdout)
    except ValueError:
        raise ValueError(f"the command printed no report: {ran.stdout[:200]!r}") from None
    missing = [name for name in _NEEDED if not isinstance(report, dict) or name not in report]
    if missing:
        raise ValueError(f"the command printed a report without '{missing[0]}'")
    return dict(report)


def _said(ran: Ran) -> str:
    """Return the command's own error, or the end of what it printed."""
    errors = [line.removeprefix("error: ") for line in ran.stderr.splitlines() if line.startswith("error: ")]
    return next(reversed(errors), "") or ran.tail or f"the command ended with {ran.exit_code} and said nothing"


def _begun(connection: sa.Connection, values: Mapping[str, Any]) -> Mapping[str, Any]:
    same = sa.select(scans).where(
        *(scans.c[name] == values[name] for name in ("runbook", "version", "asked", "state")),
    )
    for row in connection.execute(same).mappings():
        # Two clicks ask for one scan; one whose process has ended stands in nobody's way.
        if _lives(dict(row)):
            return dict(row)
    connection.execute(sa.insert(scans).values(values))
    return _found(connection, values["id"])


def _ended(
    connection: sa.Connection, scan: str, state: ScanState, report: Mapping[str, Any], of: str, now: int
) -> Mapping[str, Any]:
    summary = {name: report[name] for name in ("counts", "cost_per_month", "currency")}
    summary |= {"unpriced": report.get("unpriced", 0), "errors": len(report["errors"])}
    values = {"state": state.value, "ended_at": now, "summary": json.dumps(summary), "digest": of}
    row = _changed(connection, scan, values)
    if row["recorded"]:
        begun = row["begun_at"] // 1000
        fold(connection, scan=scan, version=row["version"], report=report, begun=begun, ended=now // 1000)
    return row


def _changed(connection: sa.Connection, scan: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    connection.execute(sa.update(scans).where(scans.c.id == scan).values(**values))
    return _found(connection, scan)


def _found(connection: sa.Connection, scan: str) -> Mapping[str, Any]:
    return dict(connection.execute(sa.select(scans).where(scans.c.id == scan)).mappings().one())


def _one(connection: sa.Connection, scan: str) -> Mapping[str, Any] | None:
    row = connection.execute(sa.select(scans).where(scans.c.id == scan)).mappings().one_or_none()
    return dict(row) if row else None


def _rows(connection: sa.Connection, runbook: str) -> Sequence[Mapping[str, Any]]:
    query = sa.select(scans).order_by(scans.c.begun_at.desc(), scans.c.id)
    found = query.where(scans.c.runbook == runbook) if runbook else query
    return [dict(row) for row in connection.execute(found).mappings()]


def _newest(connection: sa.Connection) -> Sequence[Mapping[str, Any]]:
    last = sa.select(scans.c.runbook, sa.func.max(scans.c.begun_at).label("at")).group_by(scans.c.runbook).subquery()
    query = sa.select(scans).join(last, sa.and_(scans.c.runbook == last.c.runbook, scans.c.begun_at == last.c.at))
    return [dict(row) for row in connection.execute(query).mappings()]


def _lives(row: Mapping[str, Any]) -> bool:
    """Return whether the process that scans may still be there, as one of another machine is taken to be."""
    return bool(row["host"] != host() or process_start(row["pid"]) == row["born"])


def _view(row: Mapping[str, Any]) -> ScanView:
    summary, state = json.loads(row["summary"]), ScanState(row["state"])
    if state is ScanState.running and not _lives(row):
        state = ScanState.interrupted
    cost = summary.get("cost_per_month")
    return ScanView(
        **{name: row[name] for name in ("id", "runbook", "version", "wheel", "by", "digest", "recorded", "problem")},
        state=state,
        begun_at=_time(row["begun_at"]),
        ended_at=_time(row["ended_at"]) if row["ended_at"] else None,
        asked=Asked.model_validate_json(row["asked"]),
        counts=summary.get("counts", {}),
        cost_per_month=None if cost is None else Decimal(str(cost)),
        currency=summary.get("currency", ""),
        unpriced=summary.get("unpriced", 0),
        errors=summary.get("errors", 0),
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
