"""Runs, gates, decisions, findings, events and effects, as rows."""
