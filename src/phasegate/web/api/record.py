"""Decisions by person and day."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query

from phasegate.reports.trace import Approval, approvals_by
from phasegate.web.api.bearer import Reads
from phasegate.web.context import Served

router = APIRouter(tags=["record"])


@router.get("/audit", response_model=list[Approval])
async def audit(
    context: Served, token: Reads, by: Annotated[str, Query(min_length=1, max_length=200)], on: date | None = None
) -> Any:
    """List a person's decisions, or those of `policy:NAME`, on one day (UTC) where it is given."""
    return await approvals_by(context.app, by, on)
