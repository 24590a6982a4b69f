"""What a tool answered: data of strangers, made fit to be shown to a model or a person."""

import json
from dataclasses import dataclass
from typing import Any

from mcp.types import CallToolResult, TextContent, Tool

from phasegate.tools.cleaning import clean, cleaned

LONGEST = 60_000
"""Characters of an answer that are kept."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A call's answer."""

    text: str
    """Without what nobody sees, without secrets, cut to `LONGEST`."""
    data: Any = None
    """The structured content, where the server gave one and nothing had to be cut; cleaned likewise."""
    failed: bool = False
    """Whether the tool says that it failed; the text says why."""


def answer_of(result: CallToolResult) -> Answer:
    """What is kept of a result."""
    texts = [part.text if isinstance(part, TextContent) else f"({part.type}, not shown)" for part in result.content]
    text = clean("\n".join(texts))
    shown = (
        text if len(text) <= LONGEST else f"{text[:LONGEST]}\n({len(text) - LONGEST:,} more characters were cut off)"
    )
    data, left_out = _data(result) if len(text) <= LONGEST else (None, "")
    return Answer(text=shown + left_out, data=data, failed=bool(result.isError))


def _data(result: CallToolResult) -> tuple[Any, str]:
    """The structured content, or that it was left out."""
    if result.structuredContent is None:
        return None, ""
    data = cleaned(result.structuredContent)
    size = len(json.dumps(data, ensure_ascii=False))
    return (data, "") if size <= LONGEST else (None, f"\n({size:,} characters of structured content were left out)")


def cleaned_tool(tool: Tool) -> Tool:
    """What a tool says of itself, made fit for a model as an answer is."""
    return Tool.model_validate(cleaned(tool.model_dump(mode="json", by_alias=True, exclude_none=True)))


def as_text(answer: Answer) -> str:
    """The answer for a model: structured content as JSON, else its text."""
    return answer.text if answer.data is None else json.dumps(answer.data, ensure_ascii=False)
