"""Loads, overrides and validates the team's surface: cards, prompts, workflows."""

from phasegate.team.flow import Author, Flow, Gate, Phase, Review, read_flow
from phasegate.team.policy import Conditions, GatePolicy, read_policy

__all__ = ["Author", "Conditions", "Flow", "Gate", "GatePolicy", "Phase", "Review", "read_flow", "read_policy"]
