"""A server's tool as a model calls it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain_core.tools import BaseTool, ToolException

from phasegate.core import PhasegateError, digest
from phasegate.team.templates import as_data
from phasegate.tools.client.answer import Answer, as_text

_LONGEST_NAME = 64
"""Bedrock, OpenAI and Ollama take no longer name, and no dot in it."""


def offered_name(server: str, tool: str) -> str:
    """Return a tool's name for a model: `server_tool`, changed with a mark where no provider would take that.

    >>> offered_name("aws", "count_resources"), offered_name("aws", "v1.count")
    ('aws_count_resources', 'aws_v1_count_04645048')
    """
    name = f"{server}_{tool}"
    if re.fullmatch(rf"[A-Za-z0-9_-]{{1,{_LONGEST_NAME}}}", name):
        return name
    return f"{re.sub('[^A-Za-z0-9_-]', '_', name)[: _LONGEST_NAME - 9]}_{digest(name)[:8]}"


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
