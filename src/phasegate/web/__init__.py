"""The page and the REST API: each turns a request into one call below, and has no logic of its own."""
