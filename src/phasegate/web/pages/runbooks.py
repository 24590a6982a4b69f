"""Released runbooks: what each finds, how that stands over time, and its scans."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from phasegate.core import InvalidInput
from phasegate.executions import Asked, FindingState, ScanState
from phasegate.web.context import Served
from phasegate.web.problems import found
from phasegate.web.session_auth import Filled, Person
from phasegate.web.words import day

router = APIRouter()
SCANS = 10
"""Scans on a runbook's page."""
FINDINGS = 200
_WAIVED = timedelta(days=90)
_HIDDEN = frozenset((FindingState.fixed, FindingState.skipped))


@router.get("/runbooks")
async def runbooks(context: Served, session: Person) -> Response:
    """Released runbooks, each with what stands."""
    return context.page("runbooks.html", session, rows=await context.executions.runbooks())


@router.get("/runbooks/{name}")
async def runbook(name: str, context: Served, session: Person, show: Annotated[str, Query()] = "") -> Response:
    """Show a runbook with its findings, the dearest first, and its scans."""
    executions = context.executions
    shown_runbook = await found(f"released runbook '{name}'", executions.runbook(name))
    every = await executions.findings(name)
    shown = [each for each in every if show == "all" or each.state not in _HIDDEN]
    shown.sort(key=lambda each: (not each.state.stands, -(each.cost_per_month or 0), each.item))
    scans = (await executions.scans.listed(name))[:SCANS]
    return context.page(
        "runbook.html",
        session,
        runbook=shown_runbook,
        findings=shown[:FINDINGS],
        more=max(0, len(shown) - FINDINGS),
        hidden=len(every) - len(shown),
        scans=scans,
        running=any(each.state is ScanState.running for each in scans),
        show=show,
        waived_until=(context.app.clock.now() + _WAIVED).date(),
    )


@router.post("/runbooks/{name}/scan")
async def scan(name: str, context: Served, form: Filled) -> Response:
    """Begin a scan as the runbook has it."""
    regions = tuple(form.text("regions").replace(",", " ").split())
    await context.executions.begin_scan(name, Asked(regions=regions), form.session.account)
    return RedirectResponse(f"/runbooks/{name}", 303)


@router.post("/runbooks/{name}/mark")
async def mark(name: str, context: Served, form: Filled) -> Response:
    """Waive a finding of the runbook, call it a false positive, or take that back."""
    said = form.text("state")
    if said not in ("", FindingState.waived, FindingState.false_positive):
        raise InvalidInput("a finding is waived, or called a false positive", fix="choose one of the buttons")
    state = FindingState(said) if said else None
    until = _end(form.text("until")) if state is FindingState.waived else None
    await context.executions.mark(form.text("finding"), state, form.session.account, form.text("reason"), until)
    return RedirectResponse(f"/runbooks/{name}", 303)


def _end(text: str) -> datetime | None:
    last = day(text)
    return datetime(last.year, last.month, last.day, 23, 59, 59, tzinfo=UTC) if last else None
