"""The role cards: who is on the team."""
