"""A server's tool as a model calls it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain_core.tools import BaseTool, ToolException

from phasegate.core import PhasegateError
from phasegate.team.templates import as_data
from phasegate.tools.client.answer import Answer, as_text


class OfferedTool(BaseTool):
    """A tool whose answers are data between marks, and whose errors a model can mend.

    Arguments reach the server whatever they are called: nothing here has a parameter of its own, so that none of the
    names `config`, `runtime` or `self` is taken.
    """

    source: str
    """`server.tool`, which stands at the marks."""
    call: Callable[[Mapping[str, Any]], Awaitable[Answer]]
    handle_tool_error: bool = True

    def _run(self, /, **arguments: Any) -> str:
        raise NotImplementedError("a server is asked asynchronously: use ainvoke")

    async def _arun(self, /, **arguments: Any) -> str:
        try:
            answer = await self.call(arguments)
        except PhasegateError as error:
            raise ToolException(error.full_text) from error
        said = as_data(as_text(answer), self.source)
        if answer.failed:
            raise ToolException(said)
        return said
