"""The agents' hands: our MCP servers, each a thin layer over the field's client of a service."""
