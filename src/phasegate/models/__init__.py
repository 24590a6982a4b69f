"""The seam to chat models: calls and replies, retries, prices, limits, records of calls, and doubles."""

from phasegate.models.chat import (
    Call,
    ChatModel,
    FunctionModel,
    ModelFailed,
    Prompt,
    Reply,
    Result,
    ScriptedModel,
    Stop,
    ToolSpec,
    Usage,
    Use,
)
from phasegate.models.meter import Allowance, Meter, Scope
from phasegate.models.prices import Price, Prices, UnknownPrice
from phasegate.models.recording import RecordedModel, Recording, RecordingModel, ReplayModel
from phasegate.models.spending import Spending, Spent, Writing, read_spending, read_writing

__all__ = [
    "Allowance",
    "Call",
    "ChatModel",
    "FunctionModel",
    "Meter",
    "ModelFailed",
    "Price",
    "Prices",
    "Prompt",
    "RecordedModel",
    "Recording",
    "RecordingModel",
    "ReplayModel",
    "Reply",
    "Result",
    "Scope",
    "ScriptedModel",
    "Spending",
    "Spent",
    "Stop",
    "ToolSpec",
    "UnknownPrice",
    "Usage",
    "Use",
    "Writing",
    "read_spending",
    "read_writing",
]
