"""Pins: what a tool says of itself, as a digest, so that it cannot say something else tomorrow unseen."""

from mcp.types import Tool

from phasegate.core import digest


def fingerprint(tool: Tool) -> str:
    """The digest of everything that a model or a person is told of the tool: name, words, schemas, hints."""
    told = tool.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"icons", "meta"})
    return digest(told)
