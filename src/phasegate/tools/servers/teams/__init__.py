"""Teams as a tool: a card into a channel, by the address of a workflow."""
