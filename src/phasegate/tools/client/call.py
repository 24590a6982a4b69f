"""One call of a tool, as a role wants it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phasegate.core import digest

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def is_name(tool: str) -> bool:
    """Whether a tool may be called so: as the protocol would have its names, and no path, mark-up or hidden character.

    >>> is_name("list_issues"), is_name("../x"), is_name("list\u200bissues"), is_name("")
    (True, False, False, False)
    """
    return bool(_NAME.fullmatch(tool))


@dataclass(frozen=True, kw_only=True)
class Call:
    """Who calls what, with which arguments."""

    role: str
    server: str
    tool: str
    arguments: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The tool's full name; one that no tool can have is written out, for it stands in events and messages."""
        tool = self.tool if is_name(self.tool) else re.sub(r"[^A-Za-z0-9_.-]", "?", self.tool)[:128]
        return f"{self.server}.{tool}"

    @property
    def digest(self) -> str:
        """Of the arguments; what is kept of them, for they may hold what nobody else should read."""
        try:
            return digest(dict(self.arguments))
        except RecursionError:  # so deep that they are refused anyway
            return digest("nested too deeply to be written")
