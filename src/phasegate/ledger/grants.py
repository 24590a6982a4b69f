"""Grants: which tools of a server agents may call, as a manager saw them described, and which of them may write."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from phasegate.core import Clock, digest
from phasegate.ledger.signed_statements import end, keep, standing
from phasegate.ledger.signing.dsse import Envelope
from phasegate.ledger.signing.intoto import TOOL_GRANT, statement
from phasegate.store import Database
from phasegate.store.schema import grants


@dataclass(frozen=True, kw_only=True)
class ToolGrant:
    """A manager lets agents use a server's tools, as they are described that day."""

    by: str
    server: str
    definition: str = ""
    """The digest of what may be started or contacted under it; empty: the definition that this installation ships."""
    pins: Mapping[str, str]
    """Tool to the digest of its description and schemas; a tool that is described otherwise is not covered."""
    writes: tuple[str, ...] = ()
    """Tools that may write under it."""
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values that an argument of this name must have in a call that writes."""
    begins: datetime
    ends: datetime

    def encoded(self) -> bytes:
        """The in-toto statement: the payload of the envelope."""
        predicate: dict[str, Any] = {
            "by": self.by,
            "server": self.server,
            "pins": dict(sorted(self.pins.items())),
            "writes": sorted(self.writes),
            "only": {name: list(values) for name, values in sorted(self.only.items())},
            "window": [int(moment.timestamp()) for moment in (self.begins, self.ends)],
        }
        predicate |= {"definition": self.definition} if self.definition else {}
        return statement(TOOL_GRANT, {f"tools/{self.server}": {"sha256": digest(predicate)}}, predicate)

    @classmethod
    def decoded(cls, payload: bytes) -> Self:
        """The grant of a statement."""
        said = json.loads(payload)["predicate"]
        begins, ends = (datetime.fromtimestamp(moment, UTC) for moment in said["window"])
        return cls(
            by=said["by"],
            server=said["server"],
            definition=said.get("definition", ""),
            pins=said["pins"],
            writes=tuple(said["writes"]),
            only={name: tuple(values) for name, values in said["only"].items()},
            begins=begins,
            ends=ends,
        )

    def is_for(self, server: str, definition: str) -> bool:
        """Return whether it is about this server, as it is defined now."""
        return (self.server, self.definition) == (server, definition)

    def stands(self, now: datetime) -> bool:
        """Return whether its time has come and is not over."""
        return self.begins <= now < self.ends


class Grants:
    """Signed grants of a repository, without a judgement of who may sign them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, envelope: Envelope) -> None:
        """Keeps one."""
        await self._database.write(keep, grants, envelope)

    async def all(self) -> list[tuple[ToolGrant, Envelope]]:
        """Return grants that were not ended."""
        found = await self._database.read(standing, grants)
        return [(ToolGrant.decoded(envelope.payload), envelope) for envelope in found]

    async def end(self, server: str) -> int:
        """End all grants of a server, and return their number."""
        ended = [envelope for grant, envelope in await self.all() if grant.server == server]
        for envelope in ended:
            await self._database.write(end, grants, envelope, int(self._clock.now().timestamp()))
        return len(ended)
