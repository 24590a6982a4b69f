"""The hands of one role in one run."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.tools import BaseTool
from mcp.types import Tool

from phasegate.core import PhasegateError, Refused, Unknown, new_id
from phasegate.core.secrets import take_out
from phasegate.ledger import ToolGrant
from phasegate.ledger.events import ToolCalled
from phasegate.team.servers import ENGINE, Effect, ToolServer
from phasegate.tools.client.answer import Answer, answer_of, cleaned_tool
from phasegate.tools.client.call import Call
from phasegate.tools.client.fingerprint import fingerprint
from phasegate.tools.client.offered import OfferedTool, offered_name
from phasegate.tools.client.policy import Policy, waits
from phasegate.tools.client.sessions import Sessions

Record = Callable[[ToolCalled], Awaitable[None]]
"""Appends an event, after it gave it a scope."""

Ask = Callable[[str, Tool, str], Awaitable[None]]
"""Takes a server's name, a tool as it describes itself, and the reason why it is off."""


@dataclass(frozen=True, kw_only=True)
class ToolClient:
    """Calls of tools for a role, each recorded as an event, refused ones too."""

    role: str
    policy: Policy
    sessions: Sessions
    grants: Callable[[], Awaitable[Sequence[ToolGrant]]]
    """Grants whose signer may give them, asked for at each call."""
    record: Record
    ask: Ask | None = None
    """Told of each tool that would be called, or shown to a model, if a manager granted it."""

    async def call(self, server: str, tool: str, /, **arguments: Any) -> Answer:
        """Calls `server.tool`.

        Raises:
            Refused: the policy does not let it through; see `Policy.judge`.
            Missing: the server is not configured, or cannot be started.
            Unknown: it writes, and its answer was lost.
            PhasegateError: it was not answered.
        """
        call = Call(role=self.role, server=server, tool=tool, arguments=arguments)
        began = time.monotonic()
        try:
            answer = await self._made(call)
        except PhasegateError as error:
            await self._note(call, began, _outcome(error))
            raise
        except asyncio.CancelledError:  # whoever called has no time left; what was called may still happen
            await self._note(call, began, "cancelled")
            raise
        await self._note(call, began, "failed" if answer.failed else "answered")
        return answer

    async def tools(self) -> list[BaseTool]:
        """Return the role's tools for a model, named `server_tool`, with answers marked as data."""
        return [self._as_tool(server, shown) for server, shown in await self.offered()]

    async def offered(self) -> list[tuple[str, Tool]]:
        """Return the tools that the role may call now, each with its server, cleaned, by server and name.

        A server that is not configured, or does not start, is left out. So are one for AWS where no region is in scope,
        a tool that the role may never call, and one that a manager has yet to read: what it says of itself would be
        read by the model.
        """
        grants = await self.grants()
        servers = [server for server in self.policy.servers.values() if server.has_caller(self.role)]
        servers = [server for server in servers if self.policy.may_look(server)]
        shown = await asyncio.gather(*map(self._shown, servers))
        found: list[tuple[str, Tool]] = []
        for server, tools in zip(servers, shown, strict=True):
            for tool in tools:
                reason = self.policy.reason_disabled(self.role, server, tool, grants)
                if reason:
                    await self._ask(server.name, tool, reason)
                else:
                    found.append((server.name, cleaned_tool(tool)))
        return sorted(found, key=lambda each: (each[0], each[1].name))

    async def _shown(self, server: ToolServer) -> list[Tool]:
        try:
            return [*(await self.sessions.tools(server)).values()]
        except PhasegateError:
            return []

    def _as_tool(self, server: str, shown: Tool) -> BaseTool:
        async def call(arguments: Mapping[str, Any]) -> Answer:
            return await self.call(server, shown.name, **arguments)

        return OfferedTool(
            name=offered_name(server, shown.name),
            description=shown.description or "",
            args_schema=shown.inputSchema,
            source=f"{server}.{shown.name}",
            call=call,
        )

    async def _made(self, call: Call) -> Answer:
        server = self.policy.servers.get(call.server)
        listed = server is not None and server.rule(call.tool) is not None and call.role in server.callers(call.tool)
        shown = (await self.sessions.tools(server)).get(call.tool) if server and listed else None
        try:
            rule = self.policy.judge(call, shown, await self.grants())
        except Refused as refused:
            if shown:
                await self._ask(call.server, shown, refused.reason)
            raise
        assert server
        reads = rule.effect is Effect.read
        arguments = take_out(call.arguments) if self.role == ENGINE else call.arguments
        try:
            result = await self.sessions.call(server, call.tool, arguments, seconds=rule.seconds, reads=reads)
        except Unknown as lost:
            found = await self._read_back(server, rule.found_by, arguments)
            if found is None:
                raise lost if not rule.found_by else _not_found(lost, server.name, rule.found_by) from lost
            return found
        return answer_of(result)

    async def _is_pinned(self, server: ToolServer, shown: Tool) -> bool:
        granted = [grant for grant in await self.grants() if grant.is_for(server.name, server.definition)]
        return any(grant.pins.get(shown.name) == fingerprint(shown) for grant in granted)

    async def _read_back(self, server: ToolServer, finder: str, arguments: Mapping[str, Any]) -> Answer | None:
        """Return the result of a write whose answer was lost, or None where it is not found or nobody may look."""
        rule = server.rule(finder) if finder else None
        try:
            shown = (await self.sessions.tools(server)).get(finder)
            if rule is None or rule.effect is not Effect.read or shown is None:
                return None
            if not (server.ours or await self._is_pinned(server, shown)):
                return None
            wish = {name: arguments[name] for name in shown.inputSchema.get("properties", {}) if name in arguments}
            answer = answer_of(await self.sessions.call(server, finder, wish, seconds=rule.seconds, reads=True))
        except PhasegateError:
            return None
        data = answer.data
        if answer.failed or not isinstance(data, Mapping) or not data.get("found"):
            return None
        made = {"created": True, **{name: value for name, value in data.items() if name != "found"}}
        return Answer(text=json.dumps(made, ensure_ascii=False), data=made)

    async def _ask(self, server: str, shown: Tool, reason: str) -> None:
        if self.ask and waits(reason):
            await self.ask(server, shown, reason)

    async def _note(self, call: Call, began: float, outcome: str) -> None:
        called = ToolCalled(
            tool=call.name,
            call=new_id(),
            role=call.role,
            arguments=call.digest,
            outcome=outcome,
            seconds=round(time.monotonic() - began, 3),
        )
        await self.record(called)


def _not_found(lost: Unknown, server: str, finder: str) -> Unknown:
    fix = f"ask {server}.{finder} again in a minute, and repeat the call only where it finds nothing then"
    return Unknown(f"{lost}; {server}.{finder} does not find it", fix=fix)


def _outcome(error: PhasegateError) -> str:
    if isinstance(error, Refused):
        return f"refused: {error.reason}"
    return "unknown" if isinstance(error, Unknown) else "not answered"
