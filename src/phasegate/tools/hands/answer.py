"""What a tool answered: data of strangers, made fit to be shown to a model or a person."""

import json
import re
from dataclasses import dataclass
from typing import Any

from mcp.types import CallToolResult, TextContent, Tool

from phasegate.core.visible import is_visible

LONGEST = 60_000
"""Characters of an answer that are kept."""
_KEPT = "\n\t"
_SECRETS = re.compile(
    r"\b(?:A3T[A-Z0-9]|AKIA|ASIA)[A-Z0-9]{16}\b"  # an AWS key's id
    r"|(?<![A-Za-z0-9/+=])(?=\S{0,39}[A-Z])(?=\S{0,39}[a-z])(?=\S{0,39}[0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|\bgh[opsur]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{40,}|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bATATT[A-Za-z0-9_=-]{40,}"  # Atlassian
    r"|\b(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=]{60,}"  # an AWS session's token
    r"|\bhttps://hooks\.slack\.com/\S+|://[^\s/:@]+:[^\s/@]+@"  # addresses that carry one
    r"|\bsk-[A-Za-z0-9_-]{20,}|\bAIza[A-Za-z0-9_-]{35}|(?i:\bbearer\s+)[A-Za-z0-9._~+/-]{16,}=*"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"  # a JSON web token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL,
)


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
    data = _cleaned(result.structuredContent)
    size = len(json.dumps(data, ensure_ascii=False))
    return (data, "") if size <= LONGEST else (None, f"\n({size:,} characters of structured content were left out)")


def cleaned(tool: Tool) -> Tool:
    """What a tool says of itself, made fit for a model as an answer is."""
    return Tool.model_validate(_cleaned(tool.model_dump(mode="json", by_alias=True, exclude_none=True)))


def clean(text: str) -> str:
    """The text with secrets taken out, and with every character that is drawn as nothing written out."""
    seen = "".join(char if char in _KEPT or is_visible(char) else f"<U+{ord(char):04X}>" for char in text)
    return _SECRETS.sub("(secret)", seen)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(name)): _cleaned(item) for name, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


def as_text(answer: Answer) -> str:
    """The answer for a model: structured content as JSON, else its text."""
    return answer.text if answer.data is None else json.dumps(answer.data, ensure_ascii=False)
