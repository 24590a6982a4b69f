"""Phasegate for other agents, over MCP: they hand specs in and read. Nothing here decides, ranks, grants or waives."""
