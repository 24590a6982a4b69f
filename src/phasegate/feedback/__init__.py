"""Specs that wait for a run: the backlog, and proposals handed in by others."""
