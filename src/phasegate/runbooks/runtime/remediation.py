"""Applies a remediation: what was approved and is still so, guarded, logged, and verified by reading again."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .approvals import Approval, Item, consume, verified
from .changes import Made
from .engine import merged, open_scan, run
from .errors import CallError, CallErrors, Refused, Unanswered, code_of
from .judging import CANNOT_JUDGE, judge_again, reread
from .log import ActionLog
from .places import CHANGE_ROLE, Order, places
from .runbook import Finding, Report, Runbook, Verdict, set_digest
from .scan import Row, Scan

# Readings after 1, 2, 4, 8 and 16 seconds: half a minute in all.
_READINGS = 6
_FIRST_PAUSE = 1.0
_LEFT_OUT = "left out"


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Outcome of one finding."""

    id: str
    account: str
    region: str
    state: str
    """`done`, `held back` by the guard, `left out`, `failed`, or `unverified` where the change does not show when the
    item is read again."""
    detail: str = ""
    undo: Sequence[Mapping[str, Any]] = ()
    """Calls that would undo what stays done where the change failed half way, in the order in which to make them."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Outcome of all findings."""

    report: Report
    changes: Sequence[Changed] = ()
    gaps: Sequence[CallError] = ()
    """Calls that failed and that the approval does not name: something was not looked at that should have been."""
    unfinished: Sequence[Mapping[str, Any]] = ()
    """Lines of the action log: changes that an earlier run began, and whose end it did not log."""

    @property
    def finished(self) -> bool:
        """Return whether every change was made and verified, held back by the guard, or left out."""
        return all(changed.state in ("done", "held back", _LEFT_OUT) for changed in self.changes)


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
    approvers: Path | Mapping[str, str],
    log: Path,
    state: Path,
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Scan, and change what was approved, is still found, and is still the same when it is read just before.

    Everything else is left out, and the outcome says why.

    Args:
        runbook: With a remediation.
        order: As for a scan.
        approval: The approval file.
        approvers: Keys of those whose signature counts, by name, as `trusted_approvers` gives them; or a file with a
            list that the caller vouches for.
        log: The action log, which is appended to.
        state: The folder that remembers used approvals.
        pause: Waits some seconds between two readings.

    Raises:
        Refused: nothing was changed; `reason` says why.
    """
    if runbook.remediate is None:
        raise Refused(f"{runbook.name} only reports; it has no action", reason="no-action")
    signed = verified(approval, approvers, order.now)
    # Other accounts are scanned in the role that changes, so that what is judged is what is changed.
    entered = replace(order, role=order.role or CHANGE_ROLE)
    report = run(runbook, entered)
    chosen, left = _held_against(signed, report, runbook, order)
    # Before the first change: a process killed in the middle must not be able to use the approval again.
    consume(signed, state)
    actions = ActionLog(log)
    unfinished = actions.unfinished()
    # Once told, an unfinished change is not told again at every later run.
    actions.report(unfinished)
    work = _Work(runbook=runbook, approval=signed, log=actions, pause=pause)
    changes = [*_change_all(work, chosen, entered), *left]
    # Failures that the approval names were known to the approver; any other may hide an item.
    gaps = [e for e in report.errors if (e.account, e.region, e.call, e.code) not in signed.gaps]
    return Outcome(report=report, changes=changes, gaps=gaps, unfinished=unfinished)


def _held_against(
    approval: Approval, report: Report, runbook: Runbook, order: Order
) -> tuple[list[Finding], list[Changed]]:
    """Findings to change, and those left out."""
    if approval.runbook != report.runbook:
        raise Refused(f"the approval is for {approval.runbook}, not for {report.runbook}", reason="stale")
    approved: Mapping[str, Item | Finding] = approval.items or (
        {f.digest: f for f in report.matches} if approval.digest == report.digest else {}
    )
    chosen = [finding for finding in report.matches if finding.digest in approved]
    left = [*_missing(approved, report, {finding.digest for finding in chosen}), *_new(approval, approved, report)]
    if not chosen:
        # An item that could not be looked at is not gone: the caller may try again with the same approval.
        reason = "incomplete" if report.errors and approved else "stale"
        said = "; ".join(f"{each.id}: {each.detail}" for each in left[:5])
        raise Refused(f"nothing that was approved can be changed{f' ({said})' if said else ''}", reason=reason)
    # The items may all be there while the calls about them are others: parameters and actions count too.
    asked = set_digest(report.runbook, report.params, report.actions, approved)
    if asked != approval.digest:
        raise Refused("the parameters or the actions are not those that were approved; approve again", reason="stale")
    refused = runbook.guard.refuses(len(chosen), order.now) or _too_many(approval, len(chosen))
    if refused:
        raise Refused(refused, reason="guard")
    return chosen, left


def _too_many(approval: Approval, changes: int) -> str:
    most = approval.max_changes
    return (
        f"{changes} changes are more than the {most} that were approved" if most is not None and changes > most else ""
    )


def _new(approval: Approval, approved: Mapping[str, Item | Finding], report: Report) -> list[Changed]:
    known = {(item.account, item.region, item.id) for item in approved.values()}
    return [
        _changed(finding, _LEFT_OUT, "struck by the approver" if place in approval.struck else "new since the approval")
        for finding in report.matches
        if (place := (finding.account, finding.region, finding.id)) not in known
    ]


def _missing(approved: Mapping[str, Item | Finding], report: Report, found: set[str]) -> list[Changed]:
    """Approved items that are not found as they were approved, each with the reason."""
    now = {(finding.account, finding.region, finding.id): finding for finding in report.findings}
    return [
        _changed(item, _LEFT_OUT, _why(now.get((item.account, item.region, item.id)), _failed_near(report, item)))
        for digest, item in approved.items()
        if digest not in found
    ]


def _why(finding: Finding | None, failed: CallError | None) -> str:
    if finding is None:
        return f"not looked at: {failed.call} failed: {failed.code}" if failed else "gone, or no match any more"
    if finding.verdict is Verdict.match:
        return f"changed since the approval; it is now {dict(finding.evidence)}"
    return f"{finding.verdict} now{f': {finding.reason}' if finding.reason else ''}"


def _failed_near(report: Report, item: Item | Finding) -> CallError | None:
    """A failed call that may be why an item is missing: of its region, or one that its account was to be entered by."""
    entering = {"sts.assume_role", "ec2.describe_regions", "organizations.list_accounts"}
    near = (
        error
        for error in report.errors
        if (error.account, error.region) == (item.account, item.region)
        or (error.call in entering and (error.account == item.account or error.call.startswith("organizations")))
    )
    return next(near, None)


def _change_all(work: _Work, chosen: Sequence[Finding], order: Order) -> list[Changed]:
    errors = CallErrors()
    params = merged(work.runbook, order.params)
    where = replace(
        order,
        accounts=tuple(dict.fromkeys(finding.account for finding in chosen)),
        regions=tuple(dict.fromkeys(finding.region for finding in chosen)),
    )
    changes: list[Changed] = []
    waiting = list(chosen)
    # One place after another, so that the log of changes stays in their order.
    for place in places(work.runbook, where, errors):
        mine = [f for f in waiting if (f.account, f.region) == (place.account, place.region)]
        waiting = [finding for finding in waiting if finding not in mine]
        if mine:
            changes += _change_place(work, open_scan(place, order, params, errors), mine)
            place.clients.let_go(place.region)
    failed = ", ".join(f"{error.call}: {error.code}" for error in errors.all())
    return [*changes, *(_changed(finding, _LEFT_OUT, f"not reached: {failed}") for finding in waiting)]


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
    # Minutes may have passed since the scan: each item is read again just before its own change.
    now, reason = _as_it_is(work, scan, finding)
    if now is None:
        work.log.write({**about, "step": "read", "state": _LEFT_OUT, "reason": reason})
        return _changed(finding, _LEFT_OUT, reason)
    # The guard is asked about the fresh row, since a protecting tag may have been set meanwhile.
    if now.held_back:
        work.log.write({**about, "step": "guard", "state": "held back", "reason": now.held_back})
        return _changed(finding, "held back", now.held_back)
    made = Made(scan=scan, log=work.log, about=about)
    try:
        assert work.runbook.remediate is not None
        work.runbook.remediate(made, now.row)
    except (ClientError, BotoCoreError, LookupError, TypeError, ValueError) as error:
        failed = _changed(finding, "failed", f"{code_of(error)}: {error}{_half_done(made)}")
        return replace(failed, undo=made.undo[::-1])
    return _changed(finding, "done")


def _half_done(made: Made) -> str:
    """Return the calls that stay made where a later one of the same item failed, and how to undo them."""
    if not made.done:
        return ""
    # Last first, as a stack is taken down.
    back = [f"{each['call']} {json.dumps(each['params'], default=str, sort_keys=True)}" for each in made.undo[::-1]]
    told = f"; to undo that: {', then '.join(back)}" if back else "; no undo of that is recorded"
    return f"; done before that, and not undone: {', '.join(made.done)}{told}"


def _as_it_is(work: _Work, scan: Scan, approved: Finding) -> tuple[Finding | None, str]:
    """Return the item just before its change, or else why it is no longer what was approved."""
    try:
        now = judge_again(work.runbook, scan, approved.id)
    except Unanswered as error:
        return None, f"it could not be read again: {error}"
    if now is not None and now.digest == approved.digest and now.verdict is Verdict.match:
        return now, ""
    return None, _why(now, None)


def _about(work: _Work, finding: Finding) -> dict[str, str]:
    """The finding and the approval, as every line of the log names them."""
    return {
        "runbook": finding.runbook,
        "id": finding.id,
        "account": finding.account,
        "region": finding.region,
        "approval": work.approval.id,
    }


def _changed(item: Item | Finding, state: str, detail: str = "") -> Changed:
    return Changed(id=item.id, account=item.account, region=item.region, state=state, detail=detail)


def _unverified(work: _Work, scan: Scan, done: Sequence[Finding]) -> Mapping[str, str]:
    """Return the ids whose change does not show, with the reason.

    AWS may need some readings until it does.
    """
    test = work.runbook.has_worked
    if test is None or not done:
        return {}
    waiting = {finding.id for finding in done}
    for reading in range(_READINGS):
        if reading:
            # AWS is eventually consistent: a change can take seconds to show in a listing.
            work.pause(_FIRST_PAUSE * 2 ** (reading - 1))
        rows = _read_again(work, scan, waiting)
        waiting = {id_ for id_ in waiting if rows is None or not _shows(test, scan, rows.get(id_))}
        if not waiting:
            break
    for finding in done:
        state = "failed" if finding.id in waiting else "done"
        work.log.write({**_about(work, finding), "step": "verify", "state": state})
    return dict.fromkeys(waiting, "the change does not show when the item is read again")


def _shows(test: Callable[[Scan, Row | None], bool], scan: Scan, row: Row | None) -> bool:
    try:
        return test(scan, row)
    except CANNOT_JUDGE:  # a test that cannot be worked out has not shown that the change was made
        return False


def _read_again(work: _Work, scan: Scan, waiting: set[str]) -> dict[str, Row] | None:
    """Return the items as they are now, or None where a call failed: a listing that broke off proves nothing gone."""
    # Failures are counted over the whole scan, so a rise during this reading means that it is incomplete.
    before = scan.failures
    scan.forget()
    rows = reread(work.runbook, scan, waiting)
    return None if scan.failures != before else rows


def summary(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON."""
    return {
        **outcome.report.document(),
        "changes": [asdict(changed) for changed in outcome.changes],
        "gaps": [{"account": e.account, "region": e.region, "call": e.call, "code": e.code} for e in outcome.gaps],
        "unfinished": [dict(line) for line in outcome.unfinished],
    }
