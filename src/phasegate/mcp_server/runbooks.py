"""Tools about released runbooks: what they find. Nothing here changes an account, and nothing approves a change."""

from collections.abc import Callable
from typing import Annotated

from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations
from pydantic import Field

from phasegate.core.paging import page_of
from phasegate.executions import Asked, Executions, FindingState, newest_first
from phasegate.mcp_server import results
from phasegate.mcp_server.params import Cursor, Limit
from phasegate.mcp_server.specs import READS
from phasegate.tools.servers.mcp_base import tool

SCANS = ToolAnnotations(readOnlyHint=False, destructiveHint=False, idempotentHint=False, openWorldHint=True)
Name = Annotated[str, Field(description="a runbook's name, as list_runbooks gives it", pattern=r"^[a-z0-9-]{1,100}$")]
AnyName = Annotated[str, Field(description="a runbook's name; empty: all of them", pattern=r"^[a-z0-9-]{0,100}$")]
States = Annotated[tuple[FindingState, ...], Field(description="empty: those that stand", max_length=7)]
Regions = Annotated[tuple[str, ...], Field(description="empty: as the runbook has it", max_length=60)]


def add_runbooks(server: FastMCP, executions: Executions, by: Callable[[], str]) -> None:
    """Adds them.

    Args:
        server: to what.
        executions: of the repository.
        by: who scans; asked at each.
    """

    @tool(server, READS)
    async def list_runbooks(limit: Limit = 50, cursor: Cursor = "") -> results.RunbookPage:
        """Lists the released runbooks, each with its permissions, its last scan and what stands."""
        shown, following = page_of(await executions.runbooks(), lambda row: (row.name,), cursor, limit)
        return results.RunbookPage.of(runbooks=shown, next_cursor=following or "")

    @tool(server, SCANS)
    async def scan_runbook(name: Name, regions: Regions = ()) -> results.Scan:
        """Begins a scan with a released runbook, which reads the account and changes nothing.

        It goes on while this server runs: get_scan follows it.
        """
        begun = await executions.begin_scan(name, Asked(regions=regions), by())
        return results.Scan.of(**begun.plain())

    @tool(server, READS)
    async def get_scan(
        scan: Annotated[str, Field(description="a scan's id, as list_scans gives it", pattern=r"^[a-z0-9]{4,40}$")],
    ) -> results.Scan:
        """Reads a scan: where it is, and how much it found."""
        return results.Scan.of(**(await executions.scans.find(scan)).plain())

    @tool(server, READS)
    async def list_scans(runbook: AnyName = "", limit: Limit = 50, cursor: Cursor = "") -> results.ScanPage:
        """Lists scans, the newest first."""
        shown, following = page_of(await executions.scans.listed(runbook), newest_first, cursor, limit)
        return results.ScanPage.of(scans=shown, next_cursor=following or "")

    @tool(server, READS)
    async def list_account_findings(
        runbook: AnyName = "", states: States = (), limit: Limit = 50, cursor: Cursor = ""
    ) -> results.AccountFindingPage:
        """Lists what scans found in the accounts over time: new, open, came back, fixed, waived, false positive."""
        wanted = states or [each for each in FindingState if each.stands]
        found = sorted(await executions.findings(runbook, wanted), key=lambda row: row.id)
        shown, following = page_of(found, lambda row: (row.id,), cursor, limit)
        return results.AccountFindingPage.of(findings=shown, next_cursor=following or "")
