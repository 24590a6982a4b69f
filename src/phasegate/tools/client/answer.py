"""Answers of tools, sanitized for a model or a person."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mcp.types import (
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    TextContent,
    TextResourceContents,
    Tool,
)

from phasegate.core import PhasegateError
from phasegate.tools.errors import error_of
from phasegate.tools.texts import clean, cleaned

LONGEST = 60_000
"""Characters of an answer that are kept."""
_BEYOND = 4_096
"""Characters more that are looked at, so that a secret that is cut in two is still seen."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A call's answer."""

    text: str
    """Without what nobody sees, without secrets, cut to `LONGEST`."""
    data: Any = None
    """The structured content, where the server gave one and nothing had to be cut; cleaned likewise."""
    error: PhasegateError | None = None
    """The tool's failure, with its type where the server is ours; the text says the same."""

    @property
    def failed(self) -> bool:
        """Return whether the tool failed."""
        return self.error is not None


def answer_of(result: CallToolResult) -> Answer:
    """Return the texts of a result, those of resources included, and the names of pictures, sounds and files."""
    whole = "\n".join(map(_text, result.content))
    text = clean(whole[: LONGEST + _BEYOND])
    cut = len(text) > LONGEST
    more = f"\n({len(whole) - LONGEST:,} more characters were cut off)" if cut else ""
    data, left_out = _data(result) if not cut else (None, "")
    shown = text[:LONGEST] + more + left_out
    return Answer(text=shown, data=data, error=error_of(result, shown))


def _text(part: ContentBlock) -> str:
    if isinstance(part, TextContent):
        return part.text
    if isinstance(part, EmbeddedResource) and isinstance(part.resource, TextResourceContents):
        return part.resource.text  # without its address: nobody shall be led to fetch more
    return f"({part.type}, not shown)"


def _data(result: CallToolResult) -> tuple[Any, str]:
    """Return the structured content, or that it was left out."""
    if result.structuredContent is None:
        return None, ""
    size = len(json.dumps(result.structuredContent, ensure_ascii=False))
    if size <= LONGEST:
        return cleaned(result.structuredContent), ""
    return None, f"\n({size:,} characters of structured content were left out)"


def cleaned_tool(tool: Tool) -> Tool:
    """Return a tool's own description, sanitized like an answer."""
    return _cleaned_tool(tool.model_dump_json(by_alias=True, exclude_none=True))


@lru_cache(maxsize=512)
def _cleaned_tool(written: str) -> Tool:
    """Clean each description once, for that takes a model's tools half a second."""
    return Tool.model_validate(cleaned(json.loads(written)))


def as_text(answer: Answer) -> str:
    """The answer for a model: structured content as JSON, else its text."""
    return answer.text if answer.data is None else json.dumps(answer.data, ensure_ascii=False)
