"""Read models: each object that a face shows, typed once for terminal, REST and MCP."""
