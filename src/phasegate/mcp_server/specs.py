"""Tools about specs: handing in, the backlog, and beginning a run."""

from collections.abc import Callable
from typing import Annotated

from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations
from pydantic import Field

from phasegate.app.app import App
from phasegate.core.paging import page_of
from phasegate.feedback.proposals import Proposal, Proposals
from phasegate.mcp_server import results
from phasegate.mcp_server.params import Cursor, Limit, SpecFolder
from phasegate.reports.backlog import Backlog
from phasegate.reports.findings import reported
from phasegate.reports.warnings import has_worker
from phasegate.tools.servers.mcp_base import WRITE, tool

READS = ToolAnnotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False)
ADDS = ToolAnnotations(readOnlyHint=False, destructiveHint=False, idempotentHint=True, openWorldHint=False)
_MOST = 100
_WORKED = "a worker takes it; get_run says where it is"
_ALONE = "no worker lives: a person starts one with 'phasegate worker' or 'phasegate serve'"


def add_specs(server: FastMCP, app: App, by: Callable[[], str]) -> None:
    """Adds them.

    Args:
        server: to what.
        app: the repository.
        by: who begins a run; asked at each.
    """

    @tool(server, ADDS)
    async def submit_spec(
        name: Annotated[str, Field(description="words in lower case joined by hyphens, such as idle-load-balancers")],
        spec: Annotated[str, Field(description="text of spec.md, in Spec Kit's layout; 1 MiB at most")],
        runbook: Annotated[str, Field(description="text of runbook.yaml; without it no run begins yet")] = "",
        dry_run: Annotated[bool, Field(description="judge it alone, and write nothing")] = False,
    ) -> results.Submitted:
        """Hands a spec in: writes it into a new folder specs/NNN-name, and says what is wrong with it, and where.

        Never overwrites: the same name with the same texts gives the same answer, with other texts it is refused. So
        mend findings with dry_run first. One with findings is a proposal too; no run begins before they are mended.
        """
        proposals = Proposals(app)
        judged = await (proposals.judge if dry_run else proposals.hand_in)(name, spec, runbook)
        return _submitted(judged, dry_run=dry_run)

    @tool(server, READS)
    async def list_specs(limit: Limit = 50, cursor: Cursor = "") -> results.SpecPage:
        """Lists the backlog: specs that no run has taken yet, in the manager's order."""
        backlog = Backlog(app)
        shown, following = page_of(list(enumerate(await backlog.names())), lambda row: (row[0],), cursor, limit)
        rows = [await backlog.look(spec) for _, spec in shown]
        return results.SpecPage.of(specs=rows, next_cursor=following or "")

    @tool(server, WRITE)
    async def start_run(spec: SpecFolder) -> results.Begun:
        """Begin a run of a backlog spec, which a worker takes to its first gate.

        Refused with the findings where the spec does not hold. A spec that a run has taken is not in the backlog.
        """
        run = await Backlog(app).begin(spec, by=by())
        lives = await has_worker(app)
        return results.shown(results.Begun.of(run, attended=lives, next=_WORKED if lives else _ALONE))


def _submitted(proposal: Proposal, *, dry_run: bool) -> results.Submitted:
    return results.Submitted.of(
        spec=proposal.spec,
        findings=reported(proposal.findings[:_MOST]),
        more_findings=max(0, len(proposal.findings) - _MOST),
        blocking=proposal.blocking,
        next=_next(proposal, dry_run=dry_run),
    )


def _next(proposal: Proposal, *, dry_run: bool) -> str:
    if dry_run:
        return "nothing was written; mend what blocks, then hand it in without dry_run"
    if proposal.blocking:
        return f"a person mends what blocks in {proposal.spec}; or hand it in mended, under another name"
    return f"start_run begins a run of {proposal.spec}"
