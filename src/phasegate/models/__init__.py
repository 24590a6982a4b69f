"""The seam to chat models: calls and replies, retries, prices, limits, records of calls, and doubles."""

from phasegate.models.chat import (
    Call,
    ChatModel,
    FunctionModel,
    ModelFailed,
    Reply,
    ScriptedModel,
    Stop,
    ToolSpec,
    Usage,
    Use,
)
from phasegate.models.meter import Allowance, Meter, Scope, Spent
from phasegate.models.prices import Price, Prices, UnknownPrice
from phasegate.models.recording import Recording, RecordingModel, ReplayModel

__all__ = [
    "Allowance",
    "Call",
    "ChatModel",
    "FunctionModel",
    "Meter",
    "ModelFailed",
    "Price",
    "Prices",
    "Recording",
    "RecordingModel",
    "ReplayModel",
    "Reply",
    "Scope",
    "ScriptedModel",
    "Spent",
    "Stop",
    "ToolSpec",
    "UnknownPrice",
    "Usage",
    "Use",
]
