"""Tools that a run met and that wait for a manager: what they are, what changed in them, and until when they wait."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from phasegate.app.app import App
from phasegate.core.report import Report, Timestamp
from phasegate.ledger import Descriptions, Entry, Grants, ToolGrant
from phasegate.ledger.events import ToolRequested
from phasegate.ledger.tool_descriptions import readable
from phasegate.team.servers import Effect, ToolServer
from phasegate.workflow.gates.tool_grants import standing_grants
from phasegate.workspace import Change, changes

_SAYS = {
    "tool_changed": "changed since it was granted",
    "not_pinned": "is new: no manager has read what it says of itself",
    "needs_grant": "was to write, and no grant covers it",
}


class ToolRequest(Report):
    """A tool that a run could not call."""

    run: str
    phase: str
    attempt: int
    server: str
    tool: str
    by: str
    """The role that wanted it."""
    reason: str
    """`tool_changed`, `not_pinned` or `needs_grant`."""
    mark: str
    """The digest of what it says of itself."""
    old: str = ""
    """The digest of what was granted last; empty where nothing was."""
    writes: bool
    at: Timestamp

    @property
    def says(self) -> str:
        """`find_issue changed since it was granted`."""
        return f"{self.tool} {_SAYS[self.reason]}"


@dataclass(frozen=True, kw_only=True)
class ServerRequest:
    """A server some of whose tools wait."""

    server: str
    tools: tuple[ToolRequest, ...] = ()
    """Each once, however many runs met it."""
    definition: str = ""
    """The digest of what the repository's own file starts or contacts; empty where that is granted, or ours."""
    runs: str = ""
    """What that is, in words."""
    changes: tuple[Change, ...] = field(default=())
    """What each tool says of itself, against what was granted; without those whose words are not known."""
    only: str = ""
    """What bounded the calls that write so far, `ARGUMENT=VALUE` on each line."""

    @property
    def says(self) -> str:
        """`tools of jira wait for you: …`, or `server costs waits for you: it runs …`."""
        if self.definition:
            return f"server {self.server} waits for you: it {self.runs}"
        return f"tools of {self.server} wait for you: {'; '.join(asked.says for asked in self.tools)}"

    @property
    def fix(self) -> str:
        """The command that answers it at the terminal."""
        writes = "".join(f" --write {asked.tool}" for asked in self.tools if asked.reason == "needs_grant")
        return f"phasegate tools grant {self.server}{writes}"


async def waits(app: App, run: str = "", phase: str = "") -> list[ServerRequest]:
    """Servers that wait for a manager, by name.

    Args:
        app: where; its own definitions that wait come first, whichever run is looked at.
        run: met by this run; empty: by any that has not ended.
        phase: met in this phase; empty: in any.
    """
    grants = await standing_grants(app.keeper, Grants(app.database, app.clock))
    undefined = [_waiting(server) for _, server in sorted(app.team.servers.items()) if _is_undefined(server, grants)]
    found: dict[str, dict[tuple[str, ...], ToolRequest]] = {}
    for asked in _standing(app, await app.ledger.asked(run), grants):
        if phase in ("", asked.phase):
            found.setdefault(asked.server, {})[asked.tool, asked.mark, asked.reason] = asked
    return undefined + [_wait(server, tuple(tools.values()), grants) for server, tools in sorted(found.items())]


def _is_undefined(server: ToolServer, grants: Sequence[ToolGrant]) -> bool:
    """Return whether a server would be started or contacted, if a manager granted its definition."""
    granted = any(grant.is_for(server.name, server.definition) for grant in grants)
    return bool(server.definition) and not granted and not server.missing(os.environ)


def _waiting(server: ToolServer) -> ServerRequest:
    return ServerRequest(server=server.name, definition=server.definition, runs=server.runs)


async def with_changes(app: App, wait: ServerRequest) -> ServerRequest:
    """The same with what changed, as far as the words are known."""
    told = await Descriptions(app.database).find(
        [mark for asked in wait.tools for mark in (asked.mark, asked.old) if mark]
    )
    before = {asked.tool: readable(told[asked.old]) for asked in wait.tools if asked.old in told}
    after = {asked.tool: readable(told[asked.mark]) for asked in wait.tools if asked.mark in told}
    return replace(wait, changes=tuple(changes(before, after)))


def _standing(app: App, entries: Sequence[Entry], grants: Sequence[ToolGrant]) -> Iterable[ToolRequest]:
    for entry in entries:
        asked = _read(app, entry, entry.event, grants) if isinstance(entry.event, ToolRequested) else None
        if asked and _still(app, asked, grants):
            yield asked


def _read(app: App, entry: Entry, asked: ToolRequested, grants: Sequence[ToolGrant]) -> ToolRequest | None:
    tool, described = asked.tool, app.team.servers.get(asked.server)
    rule = described.rule(tool) if described else None
    if described is None or rule is None or rule.effect is Effect.destructive:
        return None
    pins = [grant.pins[tool] for grant in _of(described, grants) if tool in grant.pins]
    return ToolRequest(
        run=entry.run,
        phase=asked.phase,
        attempt=asked.attempt,
        server=asked.server,
        tool=tool,
        by=asked.role,
        reason=asked.reason,
        mark=asked.mark,
        old=next((pin for pin in reversed(pins) if pin != asked.mark), ""),
        writes=rule.effect is Effect.write,
        at=entry.at,
    )


def _still(app: App, asked: ToolRequest, grants: Sequence[ToolGrant]) -> bool:
    """Return whether the same call would be refused for the same reason now."""
    pinned = [grant for grant in _of(app.team.servers[asked.server], grants) if asked.tool in grant.pins]
    same = [grant for grant in pinned if grant.pins[asked.tool] == asked.mark]
    if asked.reason == "needs_grant":
        # Only a grant from after the request answers it: with an older one the call was refused for its arguments.
        return not any(asked.tool in grant.writes and grant.begins >= asked.at for grant in same)
    return not same and (bool(pinned) or not app.team.servers[asked.server].ours)


def _of(server: ToolServer, grants: Sequence[ToolGrant]) -> list[ToolGrant]:
    return [grant for grant in grants if grant.is_for(server.name, server.definition)]


def _wait(server: str, tools: tuple[ToolRequest, ...], grants: Sequence[ToolGrant]) -> ServerRequest:
    bounds = next((grant.only for grant in reversed(grants) if grant.server == server and grant.only), {})
    return ServerRequest(
        server=server,
        tools=tools,
        only="\n".join(f"{name}={value}" for name, values in bounds.items() for value in values),
    )
