"""Exceptions as issues: a finding that somebody answers for until a day.

The due date is when it ends, so that people extend one in Jira as they would move any other date; owner, reason and
what it covers are in a property, and in the description for people to read.
"""

from datetime import date
from typing import Annotated, Any

from mcp.server.fastmcp import FastMCP
from pydantic import Field

from phasegate.tools.servers.http_calls import quoted
from phasegate.tools.servers.jira import results, wire
from phasegate.tools.servers.jira.client import JiraClient
from phasegate.tools.servers.jira.params import Cursor, Key, Limit, Line, Project
from phasegate.tools.servers.jira.wiki import fitted
from phasegate.tools.servers.mcp_base import KEYED_WRITE, READ, tool

LABEL = "phasegate-exception"
_Text = Annotated[str, Field(min_length=1, max_length=2000)]


def add_exceptions(server: FastMCP, client: JiraClient) -> None:
    """Adds the tools for exceptions."""

    @tool(server, KEYED_WRITE)
    def create_exception(
        key: Key,
        project: Project,
        summary: Line,
        reason: _Text,
        owner: Annotated[Line, Field(description="who answers for it")],
        expires_on: Annotated[date, Field(description="YYYY-MM-DD, the last day it holds; kept as due date")],
        covers: Annotated[
            list[Line], Field(description="what is excepted, e.g. finding ids", min_length=1, max_length=50)
        ],
        type: Annotated[str, Field(description="the issue type", min_length=1, max_length=60)] = "Task",
    ) -> results.CreatedException:
        """Creates an exception ticket once for a key, labelled phasegate-exception, due on the day it expires."""
        waiver = {"owner": owner, "reason": reason, "covers": covers}
        issue, created = client.create(key, _fields(project, type, summary, expires_on, waiver))
        return results.CreatedException(created=created, exception=client.waive(issue, waiver).waived(client.site))

    @tool(server, READ)
    def list_exceptions(
        project: Project,
        expired_by: Annotated[date | None, Field(description="only those due before this day, YYYY-MM-DD")] = None,
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> results.ExceptionPage:
        """List a project's open exceptions, the first to expire first, or with expired_by those ended by that day.

        An exception that was moved to a status of the category Done by hand is no longer listed.
        """
        jql = f'project = {quoted(project)} AND labels = "{LABEL}" AND statusCategory != Done'
        jql += f' AND duedate < "{expired_by.isoformat()}"' if expired_by else ""
        found = client.search(f"{jql} ORDER BY duedate ASC, created ASC", limit, cursor, [wire.EXCEPTION])
        listed = [issue.waived(client.site) for issue in found.issues]
        return results.ExceptionPage(exceptions=listed, next_cursor=found.cursor())


def _fields(project: str, type: str, summary: str, expires_on: date, waiver: dict[str, Any]) -> dict[str, Any]:
    covers = "\n".join(f"- `{covered}`" for covered in waiver["covers"])
    parts = [f"**Owner:** {waiver['owner']}", f"**Expires on:** {expires_on}", f"**Covers:**\n\n{covers}"]
    text = "\n\n".join([*parts, f"**Reason:**\n\n{waiver['reason']}"])
    return {
        "project": {"key": project},
        "issuetype": {"name": type},
        "summary": summary,
        "description": fitted(text),
        "labels": [LABEL, f"phasegate-expires-{expires_on}"],
        "duedate": expires_on.isoformat(),
    }
