"""Calls of tools for a channel, with errors sorted by what happens next: never, later, or unknown."""

from collections.abc import Mapping
from typing import Any

from phasegate.core import InvalidInput, PhasegateError, Refused, Unknown
from phasegate.tools.client import ToolClient


class Never(PhasegateError):
    """The notification cannot be delivered like this, however often it is tried."""


class Gone(Never):
    """The ticket, page, message or channel is not there any more."""


class Conflict(Never):
    """Somebody changed by hand what we would have written, and their change stays."""


async def called(hands: ToolClient, server: str, tool: str, **arguments: Any) -> Mapping[str, Any]:
    """Call a tool and return its structured answer.

    Raises:
        Never: The call was refused for good.
        Unknown: The call may or may not have been done.
        PhasegateError: The call was not done, and may be later.
    """
    answer = await hands.call(server, tool, **arguments)
    if answer.error is None and isinstance(answer.data, Mapping):
        return answer.data
    error = answer.error or PhasegateError(answer.text)
    raise _sorted(error, f"{server}.{tool}: {error.full_text}") from answer.error


def _sorted(error: PhasegateError, message: str) -> PhasegateError:
    match error:
        case Refused(reason="not-found" | "archived"):
            return Gone(message)
        case Refused(reason="conflict" | "illegal-transition"):
            return Conflict(message)
        case Refused(reason="invalid") | InvalidInput():
            return Never(message)
        case Unknown() | Refused(reason="unknown-outcome"):
            return Unknown(message)
        case _:
            return PhasegateError(message)
