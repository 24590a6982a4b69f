"""Tool servers of a repository: offers, requests and grants."""
