"""Runs as resources: `phasegate://runs` and what is below it, as JSON; all of them read."""

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from mcp.server.fastmcp.exceptions import ResourceError
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.types import Resource, ResourceTemplate
from pydantic import AnyUrl

from phasegate.core import PhasegateError, UsageError, visible
from phasegate.core.report import Report
from phasegate.mcp_server.reading import Reading
from phasegate.tools.servers.mcp_base import McpServer, report_of

_RUNS = "phasegate://runs"
_JSON = "application/json"
_BELOW = {
    "{run}": "A run: where it is, its phases, its gates, what it made",
    "{run}/artifacts/{+path}": "A file of a run's tree, as the run committed it last: its first 30,000 characters",
    "{run}/trace": "A run's requirements, followed to what was released of them",
    "{run}/findings": "What checks and reviewers object to at a run's last gate",
}
_MOST = 200


class Server(McpServer):
    """A server whose resources are the runs; its own templates would let no path with a slash through."""

    def __init__(self, instructions: str, reading: Reading) -> None:
        super().__init__("phasegate", instructions)
        self._reading = reading

    async def list_resources(self) -> list[Resource]:
        """The list of runs; what is below it is found by the templates."""
        return [Resource(uri=AnyUrl(_RUNS), name="runs", description="Runs, the newest first", mimeType=_JSON)]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """What there is of each run."""
        return [
            ResourceTemplate(uriTemplate=f"{_RUNS}/{path}", name=path, description=says, mimeType=_JSON)
            for path, says in _BELOW.items()
        ]

    async def read_resource(self, uri: AnyUrl | str) -> Sequence[ReadResourceContents]:
        """What stands there.

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
                case [run, "findings"]:
                    return await self._reading.findings(run, "", _MOST, "")
                case [run, "artifacts", *steps] if steps:
                    return await self._reading.artifact(run, "/".join(steps))
        known = ", ".join(f"{_RUNS}/{path}" for path in _BELOW)
        raise UsageError(f"there is no '{visible(uri)[:200]}'", fix=f"read {_RUNS} or one of {known}")
