"""One call of a tool, as a role wants it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phasegate.core import digest


@dataclass(frozen=True, kw_only=True)
class Call:
    """Who calls what, with which arguments."""

    role: str
    server: str
    tool: str
    arguments: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The tool's full name."""
        return f"{self.server}.{self.tool}"

    @property
    def digest(self) -> str:
        """Of the arguments; what is kept of them, for they may hold what nobody else should read."""
        return digest(dict(self.arguments))
