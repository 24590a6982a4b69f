"""The user's Git repository: trees, commits, differences."""
