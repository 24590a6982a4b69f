"""History of findings, folded from the reports of scans one after another."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from phasegate.executions.views import FindingState
from phasegate.store import insert_or_update
from phasegate.store.schema import findings

_SEEN = ("match", "warn")
_UPDATED = (
    *("verdict", "severity", "cost", "currency", "evidence", "held_back", "version"),
    *("last_scan", "last_at", "fixed_at", "closed_as", "times_back"),
)
_OPEN = findings.c.fixed_at.is_(None)


def fold(
    connection: sa.Connection, *, scan: str, version: str, report: Mapping[str, Any], begun: int, ended: int
) -> None:
    """Add what a scan found to the history, and close what it looked for and did not find.

    A finding is closed only where its account and region were looked at and no call failed there: what could not be
    looked at is not gone. A scan that began before the newest that told of a finding changes nothing about it.

    Args:
        connection: of the transaction.
        scan: its id.
        version: of the release that ran.
        report: as the released command prints it.
        begun: when the scan began, in seconds since 1970.
        ended: when it ended.
    """
    known = {row["id"]: dict(row) for row in connection.execute(_of(report["runbook"])).mappings()}
    told = {each["fingerprint"]: each for each in report["findings"]}
    seen = {id: each for id, each in told.items() if each["verdict"] in _SEEN}
    for id, each in seen.items():
        before = known.get(id)
        if before is None or before["last_at"] <= begun:
            row = _row(each, report["runbook"], before, scan, version, begun)
            connection.execute(insert_or_update(findings, ("id",), _UPDATED).values(row))
    places = _covered(report)
    for id, before in known.items():
        if id in seen or before["fixed_at"] is not None or before["last_at"] > begun:
            continue
        skipped = told.get(id, {}).get("verdict") == "skip"
        if skipped or (id not in told and (before["account"], before["region"]) in places):
            closed = FindingState.skipped if skipped else FindingState.fixed
            change = {"fixed_at": ended, "closed_as": closed.value, "last_at": begun}
            connection.execute(sa.update(findings).where(findings.c.id == id).values(**change))


def mark(
    connection: sa.Connection, id: str, state: FindingState | None, by: str, reason: str, until: datetime | None
) -> bool:
    """Write what a person says of a finding, or take it away for None, and return whether it is there."""
    values = {
        "mark": state.value if state else "",
        "mark_by": by if state else "",
        "mark_reason": reason if state else "",
        "mark_until": int(until.timestamp()) if state and until else None,
    }
    return bool(connection.execute(sa.update(findings).where(findings.c.id == id).values(**values)).rowcount)


def rows(connection: sa.Connection, runbook: str = "") -> list[Mapping[str, Any]]:
    """Return the history's rows, of one runbook or of all."""
    query = sa.select(findings).order_by(findings.c.runbook, findings.c.account, findings.c.region, findings.c.item)
    found = query.where(findings.c.runbook == runbook) if runbook else query
    return [dict(row) for row in connection.execute(found).mappings()]


def _of(runbook: str) -> sa.Select[Any]:
    return sa.select(findings).where(findings.c.runbook == runbook)


def _row(
    each: Mapping[str, Any], runbook: str, before: Mapping[str, Any] | None, scan: str, version: str, begun: int
) -> dict[str, Any]:
    cost = each["cost"] or {}
    monthly = cost.get("monthly")
    came_back = before is not None and before["fixed_at"] is not None
    return {
        "id": each["fingerprint"],
        "runbook": runbook,
        "account": each["account"],
        "region": each["region"],
        "item": each["id"],
        "verdict": each["verdict"],
        "severity": each["severity"],
        "cost": None if monthly is None else f"{monthly:.2f}",
        "currency": str(cost.get("currency", "")),
        "evidence": json.dumps(each["evidence"], sort_keys=True),
        "held_back": each["held_back"],
        "version": version,
        "first_scan": before["first_scan"] if before else scan,
        "first_at": before["first_at"] if before else begun,
        "last_scan": scan,
        "last_at": begun,
        "fixed_at": None,
        "closed_as": "",
        "times_back": (before["times_back"] if before else 0) + came_back,
    }


def _covered(report: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return the accounts with regions that were looked at, and where no call failed."""
    failed = _places(report["errors"])
    # A runtime of an earlier release does not tell where it looked, so that nothing is closed by it.
    return frozenset(_places(report.get("looked", ())) - failed)


def _places(rows: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(row["account"], row["region"]) for row in rows}
