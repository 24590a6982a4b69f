"""Released runbooks: scans, and findings over time. Nothing here changes an account."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from phasegate.core.paging import page_of
from phasegate.executions import Asked, FindingState, FindingView, RunbookView, ScanView, newest_first
from phasegate.web.api import models
from phasegate.web.api.bearer import Decides, Reads, Runs, owner
from phasegate.web.api.models import After, Limit
from phasegate.web.context import Served
from phasegate.web.problems import found

router = APIRouter(tags=["runbooks"])
Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]
AnyName = Annotated[str, Query(pattern=r"^([a-z0-9][a-z0-9-]{0,99})?$")]
ScanId = Annotated[str, Path(pattern=r"^[a-z0-9]{4,40}$")]
FindingId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


@router.get("/runbooks", response_model=models.Listing[RunbookView])
async def runbooks(context: Served, token: Reads, after: After = "", limit: Limit = 50) -> Any:
    """List the released runbooks by name."""
    rows, following = page_of(await context.executions.runbooks(), lambda row: (row.name,), after, limit)
    return {"items": rows, "next": following}


@router.get("/runbooks/{name}", response_model=RunbookView)
async def runbook(name: Name, context: Served, token: Reads) -> Any:
    """Show a released runbook, with its permissions, its last scan and what stands."""
    return await found(f"released runbook '{name}'", context.executions.runbook(name))


@router.post("/runbooks/{name}/scans", status_code=202, response_model=ScanView)
async def scan(name: Name, wish: models.Scan, context: Served, token: Runs) -> Any:
    """Begin a scan, or return the one that asks the same and is under way."""
    asked = Asked(**wish.model_dump(exclude={"version"}))
    by = token.account or token.name
    await found(f"released runbook '{name}'", context.executions.releases.find(name))
    return await context.executions.begin_scan(name, asked, by, version=wish.version)


@router.get("/scans", response_model=models.Listing[ScanView])
async def scans(context: Served, token: Reads, runbook: AnyName = "", after: After = "", limit: Limit = 50) -> Any:
    """List the scans, the newest first."""
    rows, following = page_of(await context.executions.scans.listed(runbook), newest_first, after, limit)
    return {"items": rows, "next": following}


@router.get("/scans/{scan}", response_model=ScanView)
async def one_scan(scan: ScanId, context: Served, token: Reads) -> Any:
    """Show a scan."""
    return await found(f"scan '{scan}'", context.executions.scans.find(scan))


@router.get("/scans/{scan}/report")
async def report(scan: ScanId, context: Served, token: Reads) -> Mapping[str, Any]:
    """Show the report of a scan, as the released command printed it."""
    await found(f"scan '{scan}'", context.executions.scans.find(scan))
    return await context.executions.scans.report(scan)


@router.get("/findings", response_model=models.Listing[FindingView])
async def findings(
    context: Served,
    token: Reads,
    runbook: AnyName = "",
    state: Annotated[list[FindingState] | None, Query()] = None,
    after: After = "",
    limit: Limit = 50,
) -> Any:
    """List what scans found over time, in the given states, or those that stand."""
    wanted = state or [each for each in FindingState if each.stands]
    every = await context.executions.findings(runbook, wanted)
    rows, following = page_of(sorted(every, key=lambda row: row.id), lambda row: (row.id,), after, limit)
    return {"items": rows, "next": following}


@router.get("/findings/{finding}", response_model=FindingView)
async def one_finding(finding: FindingId, context: Served, token: Reads) -> Any:
    """Show a finding over time."""
    return await found(f"finding '{finding}'", context.executions.finding(finding))


@router.put("/findings/{finding}/mark", response_model=FindingView)
async def mark(finding: FindingId, wish: models.Mark, context: Served, token: Decides) -> Any:
    """Waive a finding, or call it a false positive, as the person whose token it is."""
    by = owner(token)  # first, so that a service learns nothing of what is there
    await found(f"finding '{finding}'", context.executions.finding(finding))
    return await context.executions.mark(finding, FindingState(wish.state), by, wish.reason, wish.until)


@router.delete("/findings/{finding}/mark", response_model=FindingView)
async def unmark(finding: FindingId, context: Served, token: Decides) -> Any:
    """Take back what was said of a finding."""
    return await found(f"finding '{finding}'", context.executions.mark(finding, None, owner(token)))
