"""A role's hands on servers that a test describes: real sessions, real policy, and what was recorded."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mcp.types import Tool

from phasegate.core import FixedClock, PhasegateError, Refused
from phasegate.ledger import ToolGrant
from phasegate.ledger.events import ToolCalled
from phasegate.team import ToolServer
from phasegate.tools.client import Answer, Policy, Scope, Sessions, ToolClient, fingerprint

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
ROLE = "sre-automation"


@dataclass
class Handling:
    """What a test sets before it has hands."""

    servers: dict[str, dict[str, Any]]
    environ: dict[str, str] = field(default_factory=dict)
    grants: list[ToolGrant] = field(default_factory=list)
    scope: Scope = field(default_factory=Scope)
    events: list[dict[str, Any]] = field(default_factory=list)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    log: Path | None = None
    waits: tuple[float, ...] = (0.01,)
    start_seconds: float = 20.0

    @asynccontextmanager
    async def hands(self, role: str = ROLE) -> AsyncIterator[ToolClient]:
        described = {name: ToolServer.model_validate({"name": name, **server}) for name, server in self.servers.items()}
        sessions = Sessions(self.environ, self.log, self.waits, self.start_seconds)
        policy = Policy(servers=described, now=self.clock.now, scope=self.scope)

        async def grants() -> list[ToolGrant]:
            return self.grants

        async def record(called: ToolCalled) -> None:
            self.events.append(called.model_dump())

        try:
            yield ToolClient(role=role, policy=policy, sessions=sessions, grants=grants, record=record)
        finally:
            await sessions.close()

    @property
    def outcomes(self) -> list[str]:
        return [event["outcome"] for event in self.events]


def granted(
    server: str, shown: Mapping[str, Tool], *writes: str, only: Mapping[str, tuple[str, ...]] | None = None
) -> ToolGrant:
    """A manager's grant of tools as they are described."""
    pins = {name: fingerprint(tool) for name, tool in shown.items()}
    ends = NOW + timedelta(days=1)
    return ToolGrant(by="ada", server=server, pins=pins, writes=writes, only=only or {}, begins=NOW, ends=ends)


async def came(hands: ToolClient, server: str, tool: str, **arguments: Any) -> Answer | str:
    """The answer, or the reason of a refusal, or the kind of an error."""
    try:
        return await hands.call(server, tool, **arguments)
    except Refused as refused:
        return refused.reason
    except PhasegateError as error:
        return type(error).__name__
