"""Calls of tools, and what their refusals mean: tried again later, over for good, or unknown."""

import re
from collections.abc import Mapping
from typing import Any

from phasegate.core import PhasegateError, Unknown
from phasegate.tools.hands import Hands

_REASON = re.compile(r"\(reason: ([a-z_-]+)\)\s*$")
_UNCLEAR = ("unknown", "unknown-outcome")
_GONE = ("not-found", "archived")
_KEPT = ("conflict", "illegal-transition")
_MISFIT = re.compile(r"[0-9]+ validation errors? for ")
"""How a tool says that its arguments do not have the form that it takes."""


class Never(PhasegateError):
    """It cannot be told like this, however often it is tried."""


class Gone(Never):
    """What it was about is not there any more."""


class Kept(Never):
    """Somebody changed by hand what we would have written; theirs stays."""


async def called(hands: Hands, server: str, tool: str, **arguments: Any) -> Mapping[str, Any]:
    """What a tool answers.

    Raises:
        Never: it was refused for good.
        Unknown: it may or may not have been done.
        PhasegateError: it was not done, and may be later.
    """
    answer = await hands.call(server, tool, **arguments)
    if not answer.failed and isinstance(answer.data, Mapping):
        return answer.data
    raise _refusal(f"{server}.{tool}", answer.text.removeprefix(f"Error executing tool {tool}: "))


def _refusal(called: str, text: str) -> PhasegateError:
    found = _REASON.search(text)
    reason, said = found[1] if found else "", f"{called}: {_REASON.sub('', text).strip()}"
    if reason in _GONE:
        return Gone(said)
    if reason in _KEPT:
        return Kept(said)
    if reason == "invalid" or _MISFIT.match(text):
        return Never(said)
    return Unknown(said) if reason in _UNCLEAR else PhasegateError(said)
