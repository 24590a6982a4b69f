"""Applies a remediation: only what was approved, guarded, logged, and verified by reading again."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .approvals import Approval, consume, verified
from .changes import Made
from .engine import Order, merged, open_scan, places, reread, run
from .errors import CallErrors, Refused, code_of
from .log import ActionLog
from .runbook import Finding, Report, Runbook
from .scan import Row, Scan

_READINGS = 6
_FIRST_PAUSE = 1.0


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What became of one finding."""

    id: str
    account: str
    region: str
    state: str
    """`done`, `held back`, `failed`, or `unverified` where the change does not show when the item is read again."""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of all findings."""

    report: Report
    changes: Sequence[Changed] = ()

    @property
    def finished(self) -> bool:
        """Whether every change was made and verified, or held back by the guard."""
        return all(changed.state in ("done", "held back") for changed in self.changes)


@dataclass(frozen=True, kw_only=True)
class _Work:
    runbook: Runbook
    approval: Approval
    log: ActionLog
    pause: Callable[[float], None] = field(repr=False)


def apply(
    runbook: Runbook,
    order: Order,
    *,
    approval: bytes,
    approvers: Path,
    log: Path,
    state: Path,
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Scans, holds what it finds against the approval, consumes that, and changes what the guard lets through.

    Args:
        runbook: With a remediation.
        order: As for a scan.
        approval: The approval file.
        approvers: The list of those whose signature counts.
        log: The action log, which is appended to.
        state: The folder that remembers used approvals.
        pause: Waits some seconds between two readings.

    Raises:
        Refused: nothing was changed; `reason` says why.
    """
    if runbook.remediate is None:
        raise Refused(f"{runbook.name} only reports; it has no action", reason="no-action")
    signed = verified(approval, approvers, order.now)
    report = run(runbook, order)
    _hold_against(signed, report, runbook, order)
    consume(signed, state)
    work = _Work(runbook=runbook, approval=signed, log=ActionLog(log), pause=pause)
    return Outcome(report=report, changes=_change_all(work, report, order))


def _hold_against(approval: Approval, report: Report, runbook: Runbook, order: Order) -> None:
    if report.errors:
        raise Refused("the scan could not look everywhere; nothing is changed on half a picture", reason="incomplete")
    if (approval.runbook, approval.digest) != (report.runbook, report.digest):
        raise Refused("the findings are not those that were approved; look again, and ask again", reason="stale")
    reason = runbook.guard.refuses(len(report.matches), order.now)
    if reason:
        raise Refused(reason, reason="guard")


def _change_all(work: _Work, report: Report, order: Order) -> list[Changed]:
    errors = CallErrors()
    params = merged(work.runbook, order.params)
    changes: list[Changed] = []
    for place in places(work.runbook, order, errors):
        mine = [f for f in report.matches if (f.account, f.region) == (place.account, place.region)]
        if mine:
            changes += _change_place(work, open_scan(place, order, params, errors), mine)
    return changes


def _change_place(work: _Work, scan: Scan, findings: Sequence[Finding]) -> list[Changed]:
    try:
        changes = {finding.id: _change(work, scan, finding) for finding in findings}
        done = [finding for finding in findings if changes[finding.id].state == "done"]
        missing = _unverified(work, scan, done)
        changes |= {f.id: _changed(f, "unverified", missing[f.id]) for f in done if f.id in missing}
        return list(changes.values())
    finally:
        scan.close()


def _change(work: _Work, scan: Scan, finding: Finding) -> Changed:
    about = _about(work, finding)
    reason = work.runbook.guard.holds_back(finding.row, scan.now)
    if reason:
        work.log.write({**about, "step": "guard", "state": "held back", "reason": reason})
        return _changed(finding, "held back", reason)
    made = Made(scan=scan, log=work.log, about=about)
    try:
        assert work.runbook.remediate is not None
        work.runbook.remediate(made, finding.row)
    except (ClientError, BotoCoreError, LookupError, TypeError, ValueError) as error:
        return _changed(finding, "failed", f"{code_of(error)}: {error}")
    return _changed(finding, "done")


def _about(work: _Work, finding: Finding) -> dict[str, str]:
    """The finding and the approval, as every line of the log names them."""
    return {
        "runbook": finding.runbook,
        "id": finding.id,
        "account": finding.account,
        "region": finding.region,
        "approval": work.approval.id,
    }


def _changed(finding: Finding, state: str, detail: str = "") -> Changed:
    return Changed(id=finding.id, account=finding.account, region=finding.region, state=state, detail=detail)


def _unverified(work: _Work, scan: Scan, done: Sequence[Finding]) -> Mapping[str, str]:
    """Ids whose change does not show, with the reason; AWS may need some readings until it does."""
    test = work.runbook.has_worked
    if test is None or not done:
        return {}
    waiting = {finding.id for finding in done}
    for reading in range(_READINGS):
        if reading:
            work.pause(_FIRST_PAUSE * 2 ** (reading - 1))
        rows = _read_again(work, scan, waiting)
        waiting = {id_ for id_ in waiting if rows is None or not test(scan, rows.get(id_))}
        if not waiting:
            break
    for finding in done:
        state = "failed" if finding.id in waiting else "done"
        work.log.write({**_about(work, finding), "step": "verify", "state": state})
    return dict.fromkeys(waiting, "the change does not show when the item is read again")


def _read_again(work: _Work, scan: Scan, waiting: set[str]) -> dict[str, Row] | None:
    """The items as they are now; None where a call failed, since a listing that broke off proves nothing gone."""
    before = scan.failures
    scan.forget()
    rows = reread(work.runbook, scan, waiting)
    return None if scan.failures != before else rows


def summary(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON."""
    return {
        **outcome.report.document(),
        "changes": [
            {"id": c.id, "account": c.account, "region": c.region, "state": c.state, "detail": c.detail}
            for c in outcome.changes
        ],
    }
