"""Money and tokens of model calls."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from phasegate.reports.focus import focus_csv
from phasegate.reports.spend import By, SpendReport, spend_of
from phasegate.web.api.bearer import Reads
from phasegate.web.context import Served

router = APIRouter(tags=["spend"])


class Csv(Response):
    """A table as CSV."""

    media_type = "text/csv"


OfRun = Annotated[str, Query(max_length=200, description="id of the only run that counts")]
Since = Annotated[date | None, Query(description="the first day that counts, in UTC")]
Parts = Annotated[list[By] | None, Query(max_length=5, description="what tells the rows apart; default: `run`")]


@router.get("/spend", response_model=SpendReport)
async def spend(context: Served, token: Reads, run: OfRun = "", by: Parts = None, since: Since = None) -> Any:
    """Return what model calls used, of every run or of one."""
    of = (await context.run(run)).id if run else ""
    return await spend_of(context.app, of, by or [By.run], since)


@router.get("/spend/focus", response_class=Csv)
async def focus(context: Served, token: Reads, run: OfRun = "", since: Since = None) -> Csv:
    """Return spend as CSV of FOCUS 1.2, a row for each draft or review, model and day."""
    of = (await context.run(run)).id if run else ""
    return Csv(await focus_csv(context.app, of, since))
