"""Tools of a role in a run, for authors that work in a loop and for whatever looks before a role works."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from mcp.types import Tool

from phasegate.app.app import App
from phasegate.authors import RoleTool, RoleTools, ToolResult
from phasegate.core import PhasegateError
from phasegate.ledger import Descriptions, Grants
from phasegate.ledger.events import ToolCalled, ToolRequested
from phasegate.tool_access.servers import scope_of, sessions_of
from phasegate.tools.client import Policy, Sessions, ToolClient, as_text, described, fingerprint, offered_name
from phasegate.workflow.gates.tool_grants import standing_grants

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Keys of a schema whose value is schemas by name."""
_VALUES = ("default", "const", "enum", "examples")


@dataclass(frozen=True, kw_only=True)
class RunTools:
    """The repository's tools for the roles of runs: one policy and one set of sessions for all of them."""

    app: App
    sessions: Sessions
    grants: Grants

    def tools(self, run: str, role: str, place: str) -> RoleTools:
        """Return the tools of a role in a run, as `phasegate.authors.ToolAccess` has it."""
        return ClientTools(client=self.client(run, role, place))

    def client(self, run: str, role: str, place: str) -> ToolClient:
        """Return a client whose calls are events of the run at that place, and whose lack of grants opens a request."""
        return ToolClient(
            role=role,
            policy=self._policy,
            sessions=self.sessions,
            grants=partial(standing_grants, self.app.keeper, self.grants),
            record=partial(self._record, run, place),
            ask=partial(self._ask, run, place, role),
        )

    @cached_property
    def _policy(self) -> Policy:
        return Policy(servers=self.app.team.servers, now=self.app.clock.now, scope=scope_of(self.app))

    async def _record(self, run: str, place: str, called: ToolCalled) -> None:
        await self.app.ledger.record(run, called.model_copy(update={"scope": place}))

    async def _ask(self, run: str, place: str, role: str, server: str, shown: Tool, reason: str) -> None:
        """Record, once per attempt, that a tool needs a manager's grant, and keep the tool's description."""
        said, mark = described(shown), fingerprint(shown)
        await Descriptions(self.app.database).keep([said])
        phase, attempt, *_ = place.split("/")
        requested = ToolRequested(
            server=server,
            phase=phase,
            attempt=int(attempt),
            tool=shown.name,
            mark=mark,
            role=role,
            reason=reason,
        )
        await self.app.ledger.record(run, requested)


@asynccontextmanager
async def open_run_tools(app: App) -> AsyncIterator[RunTools]:
    """Open the tools of an app's runs, whose servers are started at their first call and end with the context."""
    sessions = sessions_of(app)
    try:
        yield RunTools(app=app, sessions=sessions, grants=Grants(app.database, app.clock))
    finally:
        await sessions.close()


@dataclass(kw_only=True)
class ClientTools:
    """`phasegate.authors.RoleTools` over a tool client."""

    client: ToolClient
    _sources: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Server and tool by the name for models."""

    async def list(self) -> Sequence[RoleTool]:
        """Return the tools that the role may call now."""
        offered = await self.client.offered()
        self._sources |= {offered_name(server, shown.name): (server, shown.name) for server, shown in offered}
        return [
            RoleTool(
                name=offered_name(server, shown.name),
                source=f"{server}.{shown.name}",
                description=shown.description or "",
                parameters=without_titles(shown.inputSchema),
            )
            for server, shown in offered
        ]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Call a tool by the name of its spec.

        The policy refuses a name that no spec has, and that is recorded, too.
        """
        if name not in self._sources:
            await self.list()
        # Called all the same, so that the refusal has its event: a model that tries names is something people want to
        # see.
        server, tool = self._sources.get(name) or _split(name)
        try:
            answer = await self.client.call(server, tool, **arguments)
        except PhasegateError as error:
            return ToolResult(text=error.full_text, error=error)
        return ToolResult(text=as_text(answer), data=answer.data, error=answer.error, source=f"{server}.{tool}")


def without_titles(schema: Any) -> Any:
    """Return a JSON Schema without the titles that libraries make of names: a model reads them at each call.

    >>> without_titles({"title": "X", "properties": {"title": {"title": "Title", "type": "string"}}})
    {'properties': {'title': {'type': 'string'}}}
    """
    if isinstance(schema, list):
        return [without_titles(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {key: value for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    return {key: _inner(key, value) for key, value in kept.items()}


def _inner(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key in _NAMED and isinstance(value, Mapping):
        return {name: without_titles(inner) for name, inner in value.items()}
    return without_titles(value)


def _split(name: str) -> tuple[str, str]:
    """Return the server and the tool that an unknown name would be of."""
    # No server's name has an underscore.
    server, _, tool = name.partition("_")
    return server, tool
