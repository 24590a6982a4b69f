"""Manual changes of a run's ticket, shown where the run is decided and never overwritten."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from phasegate.app.app import App
from phasegate.app.config import JiraMirror
from phasegate.ledger import Mirrors
from phasegate.ledger.events import TicketChange, TicketChanged
from phasegate.notifications.channel import called
from phasegate.notifications.delivery import Deliverer
from phasegate.notifications.jira import LABEL
from phasegate.tools.client import ToolClient

PLACE = "jira"
WATCH = "jira/watch"
_OVERLAP = timedelta(minutes=2)
_LONGEST = 500
_MOST = 20
_PAGE, _PAGES = 50, 20


class TicketWatch:
    """Looks every now and then which tickets changed, with one search for all runs."""

    def __init__(self, app: App, follower: Deliverer, config: JiraMirror) -> None:
        self._app = app
        self._follower = follower
        self._project = config.project
        self._mirrors = Mirrors(app.database)

    async def look(self) -> None:
        """Records what people did since the last look."""
        now, own = self._app.clock.now(), await self._mirrors.find("", WATCH)
        runs = {str(row.holds["issue"]): row.run for row in await self._mirrors.of(PLACE) if "issue" in row.holds}
        # Nothing was made yet, so that nothing can have changed: no call is spent on an empty project.
        if not runs:
            return
        last = datetime.fromisoformat(own.holds["looked_at"]) if own.holds else now - timedelta(days=1)
        # JQL counts in minutes of Jira's own clock, which need not be ours: some changes are seen twice, and told once.
        for issue in await self._changed(ceil((now - last + _OVERLAP) / timedelta(minutes=1))):
            if issue["key"] in runs:
                # While a run's ticket is written, our own changes could not be told from people's.
                async with self._follower.busy(PLACE, runs[issue["key"]]):
                    await self._seen(runs[issue["key"]], issue)
        await self._mirrors.keep(replace(own, holds={"looked_at": now.isoformat()}))

    async def _changed(self, minutes: int) -> list[Mapping[str, Any]]:
        jql = f'project = "{self._project}" AND labels = "{LABEL}" AND updated >= "-{minutes}m" ORDER BY updated ASC'
        return await _all(self._follower.hands("", "watch"), "search_issues", "issues", jql=jql)

    async def _seen(self, run: str, brief: Mapping[str, Any]) -> None:
        ticket, before = await self._mirrors.find(run, PLACE), await self._mirrors.find(run, WATCH)
        seen = before.holds.get("seen", ticket.holds["seen"])
        if ticket.tries or brief["updated"] == seen:
            return  # what we are about to write there ourselves is not told apart yet
        hands = self._follower.hands(run, f"watch/{brief['updated']}")
        issue = await called(hands, PLACE, "get_issue", issue=brief["key"])
        comments = await _all(hands, "list_comments", "comments", issue=brief["key"])
        known = {*ticket.holds.get("comments", ()), *before.holds.get("heard", ())}
        did = [*_changes(issue, seen, ticket.holds), *_comments(comments, known)]
        if did:
            names = {"issue": issue["key"], "updated": issue["updated"], "url": issue["url"], "status": issue["status"]}
            # The newest: a ticket that a script edits for an hour must not fill the run's record.
            await self._app.ledger.record(run, TicketChanged(**names, did=tuple(did[-_MOST:])))
        heard = [comment["id"] for comment in comments]
        await self._mirrors.keep(replace(before, holds={"seen": issue["updated"], "heard": heard}))


def _changes(issue: Mapping[str, Any], since: str, holds: Mapping[str, Any]) -> list[TicketChange]:
    """Its history since then, without the moves, links and descriptions that we made."""
    last = datetime.fromisoformat(since)
    fresh = sorted((change for change in issue["last_changes"] if _at(change) > last), key=_at)
    return [TicketChange(by=c["by"], at=c["at"], did=_did(c)) for c in fresh if not _is_ours(c, holds)]


def _is_ours(change: Mapping[str, str], holds: Mapping[str, Any]) -> bool:
    match change["field"].lower():
        case "link":
            return True
        case "status":
            return change["after"] in holds.get("ours", ())
        case "description":
            return change["by"] == holds.get("me")
        case _:
            return False


def _at(change: Mapping[str, str]) -> datetime:
    return datetime.fromisoformat(change["at"])


def _did(change: Mapping[str, str]) -> str:
    field, before, after = (str(change[name])[:_LONGEST] for name in ("field", "before", "after"))
    if field.lower() == "status":
        return f"moved it from {before} to {after}"
    return f"changed {field} from '{before}' to '{after}'"


def _comments(said: Sequence[Mapping[str, Any]], known: Collection[str]) -> list[TicketChange]:
    return [
        TicketChange(by=each["by"], at=each["at"], did=f"said: {each['body'][:_LONGEST]}")
        for each in said
        if each["id"] not in known
    ]


async def _all(hands: ToolClient, tool: str, name: str, **arguments: Any) -> list[Mapping[str, Any]]:
    found, cursor = list[Mapping[str, Any]](), ""
    for _ in range(_PAGES):
        page = await called(hands, PLACE, tool, limit=_PAGE, cursor=cursor, **arguments)
        found += page[name]
        cursor = page["next_cursor"]
        if not cursor:
            break
    return found
