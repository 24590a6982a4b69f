"""Seam between an author that works in a loop and the tools of its role.

An author takes a `ToolAccess`, and asks it for the `RoleTools` of each brief: `access.tools(run, role, place)`. The
implementation is `phasegate.tool_access.role_tools.RunTools`; `ScriptedTools` is the double.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from phasegate.core import PhasegateError
from phasegate.team.templates import as_data


@dataclass(frozen=True, kw_only=True)
class RoleTool:
    """Tool that a role may call, as a model is told of it."""

    name: str
    """Name that is valid for every provider of models, such as `aws_count_resources`."""
    source: str
    """`server.tool`, as files, grants and events name it."""
    description: str
    """What the server says of the tool, as a manager granted it, without secrets and invisible characters."""
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments."""


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """End of a call, also of one that was refused or failed."""

    text: str
    """The answer, structured content as JSON, or the error with its fix; cleaned, and cut to 60,000 characters."""
    data: Any = None
    """Structured content, where the server gave some and nothing had to be cut."""
    error: PhasegateError | None = None
    """`Refused` by the policy, `Missing` server, `Unknown` end of a write, or the failure of the tool itself."""
    source: str = ""
    """`server.tool` where the text is the server's; empty where it is an error of ours."""

    @property
    def prompt(self) -> str:
        """The text for a model: what a server said is data between marks, and an error of ours stands as it is."""
        return as_data(self.text, self.source) if self.source else self.text


class RoleTools(Protocol):
    """Tools of one role in one run, called through the policy, each call an event of the run."""

    async def list(self) -> Sequence[RoleTool]:
        """Return the tools that the role may call now, in the order of their names.

        A server that is not configured, or that does not start, is left out, and so is a tool that a manager has yet
        to grant.
        """

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Call a tool by the name of its spec.

        Nothing is raised for a call that is refused, fails or is not answered: the result has the typed error.
        """


def place_of(key: str) -> str:
    """Return the place of a brief or a subject by its key.

    >>> place_of("plan/1/2/cloud-architect")
    'plan/1/2'
    """
    return "/".join(key.split("/")[:3])


class ToolAccess(Protocol):
    """Tools of any role in any run."""

    def tools(self, run: str, role: str, place: str) -> RoleTools:
        """Return the tools of a role in a run, without starting a server.

        Args:
            run: whose record has each call as an event.
            role: as whom.
            place: phase, attempt and round, such as `plan/1/1`; a key of a brief or a subject begins with it.
        """


@dataclass(kw_only=True)
class ScriptedTools:
    """Double that hands over a list of results, one a call, to every role."""

    specs: Sequence[RoleTool] = ()
    results: Iterable[ToolResult] = ()
    calls: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    """Role, name and arguments of each call."""

    def __post_init__(self) -> None:
        self._left = iter(self.results)

    def tools(self, run: str, role: str, place: str) -> RoleTools:
        """Return the tools of the script."""
        return _Scripted(self, role)

    def next_result(self, role: str, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Note a call and return its result.

        Raises:
            PhasegateError: the list is used up.
        """
        self.calls.append((role, name, arguments))
        result = next(self._left, None)
        if result is None:
            raise PhasegateError(f"no result is left for '{name}'", fix="add one to the list of these tools")
        return result


@dataclass(frozen=True)
class _Scripted:
    script: ScriptedTools
    role: str

    async def list(self) -> Sequence[RoleTool]:
        return self.script.specs

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        return self.script.next_result(self.role, name, arguments)
