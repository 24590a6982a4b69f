"""The MCP servers the team may reach, and which role may call which tool."""
