"""Phasegate for other agents, over MCP: they hand specs in and read. Nothing here decides, ranks, grants or waives."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.mcp_server.server import build as build


__getattr__ = lazily(__name__, __file__)
