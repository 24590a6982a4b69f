"""Loads, overrides and validates the team's surface: cards, prompts, workflows."""

from phasegate.team.cards import ASSISTANT, COMPILER, RECORDED, Card, Kind, Limits, read_card
from phasegate.team.flow import Author, Flow, Gate, Phase, Review, read_flow
from phasegate.team.launch import from_workspace
from phasegate.team.policy import Conditions, GatePolicy, read_policy
from phasegate.team.servers import ENGINE, Effect, Rule, ToolServer, read_server
from phasegate.team.surface import Surface, eject
from phasegate.team.team import Team, load_team
from phasegate.team.templates import REVIEW, Prompts

__all__ = [
    "ASSISTANT",
    "COMPILER",
    "ENGINE",
    "RECORDED",
    "REVIEW",
    "Author",
    "Card",
    "Conditions",
    "Effect",
    "Flow",
    "Gate",
    "GatePolicy",
    "Kind",
    "Limits",
    "Phase",
    "Prompts",
    "Review",
    "Rule",
    "Surface",
    "Team",
    "ToolServer",
    "eject",
    "from_workspace",
    "load_team",
    "read_card",
    "read_flow",
    "read_policy",
    "read_server",
]
