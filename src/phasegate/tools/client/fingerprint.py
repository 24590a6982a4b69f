"""Pins: what a tool says of itself, as a digest, so that it cannot say something else tomorrow unseen."""

from typing import Any

from mcp.types import Tool

from phasegate.core import digest


def fingerprint(tool: Tool) -> str:
    """The digest of everything that a model or a person is told of the tool."""
    return digest(described(tool))


def described(tool: Tool) -> dict[str, Any]:
    """Return the described part of a tool: name, words, schemas and hints."""
    return tool.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"icons", "meta"})
