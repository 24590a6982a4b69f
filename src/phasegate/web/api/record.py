"""Record of decisions by person and day, and of money and tokens of model calls."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from phasegate.reports.focus import focus_csv
from phasegate.reports.spend import By, SpendReport, spend_of
from phasegate.reports.trace import Approval, approvals_by
from phasegate.reports.trust import RootView, desk_of
from phasegate.web.api.bearer import Reads
from phasegate.web.context import Served

router = APIRouter()


class Csv(Response):
    """A table as CSV."""

    media_type = "text/csv"


OfRun = Annotated[str, Query(max_length=200, description="id of the only run that counts")]
Since = Annotated[date | None, Query(description="the first day that counts, in UTC")]
Parts = Annotated[list[By] | None, Query(max_length=5, description="what tells the rows apart; default: `run`")]


@router.get("/audit", response_model=list[Approval], tags=["record"])
async def audit(
    context: Served, token: Reads, by: Annotated[str, Query(min_length=1, max_length=200)], on: date | None = None
) -> Any:
    """List a person's decisions, or those of `policy:NAME`, on one day (UTC) where it is given."""
    return await approvals_by(context.app, by, on)


@router.get("/root", response_model=RootView, tags=["root"])
async def root(context: Served, token: Reads) -> Any:
    """Return the root of trust that counts here, and what waits for a manager's signature."""
    return desk_of(context.app).view()


@router.get("/spend", response_model=SpendReport, tags=["spend"])
async def spend(context: Served, token: Reads, run: OfRun = "", by: Parts = None, since: Since = None) -> Any:
    """Return what model calls used, of every run or of one."""
    of = (await context.run(run)).id if run else ""
    return await spend_of(context.app, of, by or [By.run], since)


@router.get("/spend/focus", response_class=Csv, tags=["spend"])
async def focus(context: Served, token: Reads, run: OfRun = "", since: Since = None) -> Csv:
    """Return spend as CSV of FOCUS 1.2, a row for each draft or review, model and day."""
    of = (await context.run(run)).id if run else ""
    return Csv(await focus_csv(context.app, of, since))
