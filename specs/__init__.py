"""The example specs: on what the team works."""
