"""Tool servers as reports."""

from typing import Self

from phasegate.core.report import Report
from phasegate.team.servers import Effect
from phasegate.tool_access.servers import ServerState


class Tool(Report):
    """A tool of a server."""

    name: str
    effect: Effect | None
    """Null where the server has the tool and its file does not name it."""
    roles: tuple[str, ...]
    """Roles that may call the tool."""
    state: str
    """`callable`, `not listed`, `not granted`, `changed since it was granted`, or `never granted`."""
    fingerprint: str
    """Digest of the tool's own description."""


class Server(Report):
    """A tool server with its tools."""

    server: str
    trouble: str
    """Why nothing can be called; empty where the server answers."""
    fix: str
    skipped: bool
    """Whether the server is not configured, and so left out."""
    waits: bool
    """Whether the server was not started, because a manager has yet to grant its definition."""
    tools: tuple[Tool, ...]

    @classmethod
    def of(cls, found: ServerState) -> Self:
        """Return the report of a server that was asked for its tools."""
        tools = tuple(map(Tool.model_validate, found.offers))
        told = {name: getattr(found, name) for name in ("trouble", "fix", "skipped", "waits")}
        return cls(server=found.server.name, tools=tools, **told)
