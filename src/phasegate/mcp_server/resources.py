"""Runs as read-only JSON resources, `phasegate://runs` and what is below it."""

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from mcp.server.fastmcp.exceptions import ResourceError
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.types import Resource, ResourceTemplate
from pydantic import AnyUrl

from phasegate.core import PhasegateError, UsageError, visible
from phasegate.core.report import Report
from phasegate.mcp_server.reading import Reading
from phasegate.reports.spend import By
from phasegate.tools.servers.mcp_base import McpServer, report_of

_RUNS = "phasegate://runs"
_JSON = "application/json"
_BELOW = {
    "{run}": "A run: where it is, its phases, its gates, what it made",
    "{run}/artifacts/{+path}": "A file of a run's tree, as the run committed it last: its first 30,000 characters",
    "{run}/trace": "A run's requirements, followed to what was released of them",
    "{run}/spend": "What a run's calls of models used, by role",
    "{run}/findings": "What checks and reviewers object to at a run's last gate",
}
_MOST = 200


class Server(McpServer):
    """An MCP server whose resources are runs, since the library's templates let no path with a slash through."""

    def __init__(self, instructions: str, reading: Reading) -> None:
        super().__init__("phasegate", instructions)
        self._reading = reading

    async def list_resources(self) -> list[Resource]:
        """Return the list of runs, below which resources are found by templates."""
        return [Resource(uri=AnyUrl(_RUNS), name="runs", description="Runs, the newest first", mimeType=_JSON)]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """Return the templates of each run's resources."""
        return [
            ResourceTemplate(uriTemplate=f"{_RUNS}/{path}", name=path, description=says, mimeType=_JSON)
            for path, says in _BELOW.items()
        ]

    async def read_resource(self, uri: AnyUrl | str) -> Sequence[ReadResourceContents]:
        """Return the content of a resource.

        Raises:
            ResourceError: nothing does; it says what to do.
        """
        try:
            found = await self._found(str(uri))
        except PhasegateError as error:
            raise ResourceError(report_of(error).text()) from error
        return [ReadResourceContents(content=found.model_dump_json(), mime_type=_JSON)]

    async def _found(self, uri: str) -> Report:
        split = urlsplit(uri)
        if f"{split.scheme}://{split.netloc}" == _RUNS:
            match [unquote(step) for step in split.path.split("/")[1:]]:
                case [] | [""]:
                    return await self._reading.runs(_MOST, "")
                case [run]:
                    return await self._reading.run(run)
                case [run, "trace"]:
                    return await self._reading.trace(run, _MOST, "")
                case [run, "spend"]:
                    return await self._reading.spend(run, (By.role,))
                case [run, "findings"]:
                    return await self._reading.findings(run, "", _MOST, "")
                case [run, "artifacts", *steps] if steps:
                    return await self._reading.artifact(run, "/".join(steps))
        known = ", ".join(f"{_RUNS}/{path}" for path in _BELOW)
        raise UsageError(f"there is no '{visible(uri)[:200]}'", fix=f"read {_RUNS} or one of {known}")
