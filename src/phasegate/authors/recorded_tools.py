"""Tools of roles whose answers are kept in a recording beside the model's replies, and replayed without a server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phasegate.authors.role_tools import RoleTool, RoleTools, ToolAccess, ToolResult
from phasegate.core import PhasegateError, digest
from phasegate.models import Recording


@dataclass(frozen=True, kw_only=True)
class RecordingTools:
    """Tool access that keeps what roles were offered and answered."""

    inner: ToolAccess
    recording: Recording

    def tools(self, run: str, role: str, place: str) -> RoleTools:
        """Return the tools of a role, each answer of which is kept before it is used."""
        return _Recording(self.inner.tools(run, role, place), self.recording, f"{role}/{place}")


@dataclass(frozen=True, kw_only=True)
class ReplayTools:
    """Double that answers from a recording, and never starts a server."""

    recording: Recording

    def tools(self, run: str, role: str, place: str) -> RoleTools:
        """Return the tools that a role had when the run was recorded."""
        return _Replay(self.recording, f"{role}/{place}")


@dataclass(frozen=True)
class _Recording:
    inner: RoleTools
    recording: Recording
    where: str

    async def list(self) -> Sequence[RoleTool]:
        offered = await self.inner.list()
        if offered:
            rows = [{**vars(tool), "parameters": dict(tool.parameters)} for tool in offered]
            self.recording.keep(f"{self.where}/tools", rows)
        return offered

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        result = await self.inner.call(name, arguments)
        row = {"text": result.text, "source": result.source, "failed": result.error is not None}
        self.recording.keep(_key(self.where, name, arguments), row)
        return result


@dataclass(frozen=True)
class _Replay:
    recording: Recording
    where: str

    async def list(self) -> Sequence[RoleTool]:
        rows = self.recording.kept(f"{self.where}/tools", None)
        return [RoleTool(**row) for row in rows or ()]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        row = self.recording.kept(_key(self.where, name, arguments))
        error = PhasegateError(row["text"]) if row["failed"] else None
        return ToolResult(text=row["text"], source=row["source"], error=error)


def _key(where: str, name: str, arguments: Mapping[str, Any]) -> str:
    return f"{where}/{name}/{digest(dict(arguments))}"
