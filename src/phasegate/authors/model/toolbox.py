"""Tools that a model calls while it works, and what it saw with those of its role."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from phasegate.authors.role_tools import RoleTools
from phasegate.core import digest
from phasegate.models import ToolSpec, Use
from phasegate.models.chat import Result

_CITED = re.compile(r"\[O([0-9]+)\]")
_MOST_ARGUMENTS = 300
HEADING = "## Observations"


class Toolbox(Protocol):
    """Tools of one draft or review."""

    async def specs(self) -> Sequence[ToolSpec]:
        """Return the tools as a model is offered them."""

    async def call(self, use: Use) -> Result | None:
        """Return the result of a call, also of one that failed, or None where the tool is another box's."""


@dataclass(frozen=True)
class Toolboxes:
    """Several toolboxes as one."""

    boxes: Sequence[Toolbox] = ()

    async def specs(self) -> Sequence[ToolSpec]:
        """Return the tools of all boxes."""
        return [spec for box in self.boxes for spec in await box.specs()]

    async def call(self, use: Use) -> Result:
        """Return the result of the first box that has the tool."""
        for box in self.boxes:
            result = await box.call(use)
            if result is not None:
                return result
        return Result(use=use.id, text=f"there is no tool '{use.name}'", failed=True)


NO_TOOLS = Toolboxes()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An answer of a tool that a draft may cite."""

    source: str
    """`server.tool`."""
    arguments: Mapping[str, Any]
    sha256: str
    """Of the answer's text as the model read it."""


@dataclass
class RoleToolbox:
    """Tools of a role, called through the policy, whose answers can be cited by number."""

    tools: RoleTools
    seen: list[Seen] = field(default_factory=list)
    _specs: list[ToolSpec] = field(default_factory=list)

    async def specs(self) -> Sequence[ToolSpec]:
        """Return the tools that the role may call, the same ones from the first time on."""
        if not self._specs:
            self._specs = [
                ToolSpec(name=found.name, description=found.description, parameters=dict(found.parameters))
                for found in await self.tools.list()
            ]
        return self._specs

    async def call(self, use: Use) -> Result:
        """Call a tool, and number an answer that came from a server."""
        answer = await self.tools.call(use.name, use.arguments)
        if not answer.source:
            return Result(use=use.id, text=answer.text, failed=True)
        self.seen.append(Seen(source=answer.source, arguments=use.arguments, sha256=digest(answer.text.encode())))
        return Result(use=use.id, text=f"[O{len(self.seen)}]\n{answer.prompt}", failed=answer.error is not None)

    def unknown(self, texts: Iterable[str]) -> list[str]:
        """Return the citations of observations that were not made."""
        cited = {int(number) for text in texts for number in _CITED.findall(text)}
        return [f"[O{number}]" for number in sorted(cited) if not 0 < number <= len(self.seen)]

    def with_sources(self, text: str) -> str:
        """Return a document with the list of the observations that it cites at its end."""
        cited = sorted({int(number) for number in _CITED.findall(text)})
        rows = [_row(number, self.seen[number - 1]) for number in cited if 0 < number <= len(self.seen)]
        kept = text.partition(f"\n{HEADING}\n")[0].rstrip() if rows else text
        return "\n".join([kept, "", HEADING, "", *rows, ""]) if rows else kept


def _row(number: int, seen: Seen) -> str:
    arguments = json.dumps(seen.arguments, sort_keys=True, ensure_ascii=False)[:_MOST_ARGUMENTS].replace("`", "'")
    return f"- **O{number}**: `{seen.source}` `{arguments}`, answer SHA-256 `{seen.sha256}`"
