"""Calls of tools."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phasegate.core import digest

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def is_name(tool: str) -> bool:
    """Return whether `tool` is a valid MCP tool name.

    >>> is_name("list_issues"), is_name("../x"), is_name("list\u200bissues"), is_name("")
    (True, False, False, False)
    """
    return bool(_NAME.fullmatch(tool))


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a tool: caller, tool and arguments."""

    role: str
    server: str
    tool: str
    arguments: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Full name of the tool, escaped where no tool can have it, for events and messages."""
        names = (re.sub(r"[^A-Za-z0-9_.-]", "?", name)[:128] for name in (self.server, self.tool))
        return ".".join(names)

    @property
    def digest(self) -> str:
        """Digest of the arguments, kept in their place because they may hold secrets."""
        try:
            return digest(dict(self.arguments))
        except (RecursionError, ValueError):  # they are refused anyway
            return digest("no arguments that can be written")

    @property
    def is_json(self) -> bool:
        """Return whether every reader of the arguments as JSON takes them for the same."""
        try:
            return bool(digest(dict(self.arguments)))
        except ValueError:  # no number, an integer beyond 2**53, half of a character, a name that is no text
            return False
