"""Calls of tools, and what their refusals mean: tried again later, over for good, or nobody knows."""

import re
from collections.abc import Mapping
from typing import Any

from phasegate.core import PhasegateError, Unknown
from phasegate.tools.hands import Hands

_REASON = re.compile(r"\(reason: ([a-z_-]+)\)\s*$")
_UNCLEAR = ("unknown", "unknown-outcome")
_LASTING = ("conflict", "illegal-transition")
"""Refusals that stay, however often we ask: somebody else's change stands."""


class Kept(PhasegateError):
    """Somebody changed by hand what we would have written; theirs stays."""


async def called(hands: Hands, server: str, tool: str, **arguments: Any) -> Mapping[str, Any]:
    """What a tool answers.

    Raises:
        Kept: it was refused for good.
        Unknown: it may or may not have been done.
        PhasegateError: it was not done, and may be later.
    """
    answer = await hands.call(server, tool, **arguments)
    if not answer.failed and isinstance(answer.data, Mapping):
        return answer.data
    found = _REASON.search(answer.text)
    text = _REASON.sub("", answer.text).removeprefix(f"Error executing tool {tool}: ").strip()
    reason, said = found[1] if found else "", f"{server}.{tool}: {text}"
    if reason in _LASTING:
        raise Kept(said)
    raise Unknown(said) if reason in _UNCLEAR else PhasegateError(said)
