"""Loads, overrides and validates the team's surface: cards, prompts, workflows."""
