"""The servers that agents reach, as this repository has them: what they offer, what was granted, what is missing."""

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from mcp.types import Tool

from phasegate.app.app import App
from phasegate.core import InvalidInput, Missing, PhasegateError, Refused, UsageError, canonical
from phasegate.core.files import open_owned
from phasegate.ledger import Descriptions, Grants, Signer, ToolGrant
from phasegate.ledger.events import ToolCalled
from phasegate.ledger.tool_descriptions import readable
from phasegate.team.launch import moved
from phasegate.team.servers import Effect, ToolServer
from phasegate.tools.client import WAITS, Answer, Policy, Scope, Sessions, ToolClient, described, fingerprint
from phasegate.tools.client.bounds import check
from phasegate.workflow import Channel, Credentials, Kind
from phasegate.workflow.gates.tool_grants import grant_tools, may_write, standing_grants
from phasegate.workspace import Change, changes

LOG = "tools.log"
NOT_GRANTED = "server_not_granted"
"""Why a server of a repository's own is neither started nor contacted."""


@dataclass(frozen=True, kw_only=True)
class ToolState:
    """State of a tool."""

    name: str
    effect: Effect | None
    """None: the server has it, and its file does not name it."""
    roles: tuple[str, ...]
    words: str
    """What the server says of it."""
    fingerprint: str
    state: str
    """`callable`, `not listed`, `not granted`, `changed since it was granted`, or `never granted`."""


@dataclass(frozen=True, kw_only=True)
class ServerState:
    """A server."""

    server: ToolServer
    offers: tuple[ToolState, ...]
    trouble: str = ""
    """Why nothing can be called there; empty where it answers."""
    fix: str = ""
    skipped: bool = False
    """Whether it is not configured, and so left out."""
    waits: bool = False
    """Whether it was not started, because a manager has yet to grant its definition."""


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Looks at servers, and grants their tools."""

    app: App
    sessions: Sessions
    grants: Grants

    def server(self, name: str) -> ToolServer:
        """The server of that name.

        Raises:
            InvalidInput: no file of the team's describes it.
        """
        servers = self.app.team.servers
        if name not in servers:
            raise InvalidInput(f"there is no tools/{name}.yaml", fix=f"name one of: {', '.join(sorted(servers))}")
        return servers[name]

    async def look(self, server: ToolServer) -> ServerState:
        """Asks a server what it has, and holds that against its file and the grants."""
        if missing := server.missing(os.environ):
            return ServerState(
                server=server, offers=(), trouble=f"{missing[0]} is not set", fix=f"set {missing[0]}", skipped=True
            )
        try:
            shown = await self.sessions.tools(server)
        except PhasegateError as error:
            waits = isinstance(error, Refused) and error.reason == NOT_GRANTED
            return ServerState(server=server, offers=(), trouble=str(error), fix=error.fix, waits=waits)
        granted = await self.granted(server)
        return ServerState(server=server, offers=tuple(_offer(server, tool, granted) for tool in shown.values()))

    async def granted(self, server: ToolServer) -> list[ToolGrant]:
        """Return the grants that hold now for a server as it is defined now."""
        found = await standing_grants(self.app.keeper, self.grants)
        return [grant for grant in found if grant.is_for(server.name, server.definition)]

    async def let_start(
        self,
        server: ToolServer,
        by: str,
        key: Signer,
        ends: datetime,
        who: Credentials | None = None,
        shown: str | None = None,
    ) -> None:
        """Grant that exactly this definition may be started or contacted, without any of its tools.

        Args:
            server: as its file describes it.
            by: the manager.
            key: theirs, unlocked.
            ends: when it is over.
            who: how they came; left out: at the terminal, where the key was unlocked just now.
            shown: the digest of the definition that they were shown; None: this one.

        Raises:
            Missing: they were shown another one.
        """
        if shown not in (None, server.definition):
            fix = f"read what it starts now: phasegate tools grant {server.name}"
            raise Missing(f"'{server.name}' is defined otherwise than it was shown", fix=fix)
        may_start = ToolGrant(
            by=by,
            server=server.name,
            definition=server.definition,
            pins={},
            begins=self.app.clock.now(),
            ends=ends,
        )
        await grant_tools(self.app.keeper, self.grants, may_start, key, who or self._at_terminal(by))

    async def changes(self, server: ToolServer) -> list[Change]:
        """Return changes of tool descriptions since the grant, as far as the granted words are known."""
        granted = await self.granted(server)
        shown = await self.sessions.tools(server)
        pins = {name: [g.pins[name] for g in granted if name in g.pins] for name in shown}
        # Any of the grants in force is enough: two managers may have granted two descriptions, one before and one after
        # an update.
        moved = {name: held[-1] for name, held in pins.items() if held and fingerprint(shown[name]) not in held}
        known = await Descriptions(self.app.database).find(moved.values())
        before = {name: readable(known[mark]) for name, mark in moved.items() if mark in known}
        return changes(before, {name: readable(canonical(described(shown[name])).decode()) for name in before})

    async def call(self, role: str, server: ToolServer, tool: str, arguments: Mapping[str, Any], run: str) -> Answer:
        """Call one tool as a role, for a person who tries it: by the same policy, grants and bounds as in a run.

        Args:
            role: an agent's.
            server: whose tool.
            tool: its name.
            arguments: as the tool takes them.
            run: in whose record the call is an event; empty: a line of the servers' log.

        Raises:
            Refused: the policy does not let it through.
            Missing: the server cannot be started or reached.
            Unknown: it writes, and its answer was lost.
        """
        policy = Policy(servers=self.app.team.servers, now=self.app.clock.now, scope=scope_of(self.app))
        hands = ToolClient(
            role=role,
            policy=policy,
            sessions=self.sessions,
            grants=partial(standing_grants, self.app.keeper, self.grants),
            record=partial(self._record, run),
        )
        return await hands.call(server.name, tool, **arguments)

    async def arguments(self, server: ToolServer, tool: str, words: Sequence[str]) -> dict[str, Any]:
        """Return arguments of a call from words such as `region=eu-west-1`, each as the tool's schema has it.

        Raises:
            UsageError: a word names no value, or no value of its type.
        """
        shown = (await self.sessions.tools(server)).get(tool)
        properties = shown.inputSchema.get("properties", {}) if shown else {}
        return dict(_argument(word, properties) for word in words)

    async def _record(self, run: str, called: ToolCalled) -> None:
        # Told apart in the record from calls of a role, which would otherwise have done what a person tried.
        by_hand = called.model_copy(update={"scope": "by-hand", "person": self.app.workspace.user.name})
        if run:
            await self.app.ledger.record(run, by_hand)
            return
        with open_owned(self.app.state / LOG, "ab") as file:
            file.write(f"{self.app.clock.now():%Y-%m-%d %H:%M:%S} {json.dumps(by_hand.model_dump())}\n".encode())

    async def grant(
        self,
        server: ToolServer,
        by: str,
        key: Signer,
        ends: datetime,
        writes: Sequence[str] = (),
        only: Mapping[str, Sequence[str]] | None = None,
        seen: Mapping[str, str] | None = None,
        *,
        all_tools: bool = True,
        who: Credentials | None = None,
    ) -> ToolGrant:
        """Grant the server's tools as described now, by the rules of `workflow.gates.tool_grants`.

        Args:
            server: whose.
            by: the manager.
            key: theirs, unlocked.
            ends: when it is over.
            writes: tools that may write.
            only: values that an argument must have in a call that writes.
            seen: fingerprints as the manager was shown them; None: nobody looked.
            all_tools: whether every tool of the server is granted, or those alone that were shown.
            who: how they came; left out: at the terminal, where the key was unlocked just now.

        Raises:
            Missing: the server does not start, or describes its tools otherwise than it did a moment ago.
        """
        shown = await self.sessions.tools(server)
        may_write(server, shown, tuple(writes))
        wanted = {
            name: tool for name, tool in shown.items() if server.rule(name) and (all_tools or name in (seen or ()))
        }
        pins = {name: fingerprint(tool) for name, tool in wanted.items()}
        if seen is not None and pins != {name: mark for name, mark in seen.items() if name in pins or not all_tools}:
            fix = f"read what they say now: phasegate tools grant {server.name}"
            raise Missing(f"'{server.name}' describes its tools otherwise than they were shown", fix=fix)
        made = ToolGrant(
            by=by,
            server=server.name,
            definition=server.definition,
            pins=pins,
            writes=tuple(writes),
            only={name: tuple(values) for name, values in (only or {}).items()},
            begins=self.app.clock.now(),
            ends=ends,
        )
        # The words themselves are kept beside their digests: when they change, a manager is shown the difference.
        await Descriptions(self.app.database).keep(map(described, wanted.values()))
        await grant_tools(self.app.keeper, self.grants, made, key, who or self._at_terminal(by))
        return made

    def _at_terminal(self, name: str) -> Credentials:
        now = self.app.clock.now()
        return Credentials(name=name, kind=Kind.person, channel=Channel.terminal, proved_at=now)


def bounds(only: Sequence[str]) -> dict[str, list[str]]:
    """Parse bounds of writing calls, from words such as `project=OPS`.

    Raises:
        UsageError: one names no value, or is a pattern that bounds nothing.
    """
    found: dict[str, list[str]] = {}
    for each in filter(None, map(str.strip, only)):
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise UsageError(f"'{each}' names no value", fix="write ARGUMENT=VALUE, such as project=OPS")
        found.setdefault(name, []).append(value)
    check(found)
    return found


def scope_of(app: App) -> Scope:
    """Return the accounts and regions of AWS that calls may be about."""
    aws = app.config.aws
    return Scope(accounts=frozenset(aws.accounts), regions=frozenset(aws.inventory))


def callers_of(app: App, server: ToolServer, tool: str) -> list[str]:
    """Return the agents' roles that may call a tool."""
    agents = [name for name, card in app.team.cards.items() if card.kind == "agent"]
    return [role for role in server.callers(tool) if role in agents]


def _argument(word: str, properties: Mapping[str, Any]) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    if not (name and equals):
        raise UsageError(f"'{word}' names no value", fix="write ARGUMENT=VALUE, or all of them as --json")
    kind = properties.get(name, {}).get("type", "string") if isinstance(properties.get(name), dict) else "string"
    if kind == "string":
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        raise UsageError(
            f"'{word}' is no {kind}", fix=f"write {name} as JSON, such as {name}=5 or {name}='[1]'"
        ) from None


def _offer(server: ToolServer, tool: Tool, granted: Sequence[ToolGrant]) -> ToolState:
    rule, mark = server.rule(tool.name), fingerprint(tool)
    return ToolState(
        name=tool.name,
        effect=rule.effect if rule else None,
        roles=server.callers(tool.name),
        words=tool.description or "",
        fingerprint=mark,
        state=_state(server, tool.name, rule.effect if rule else None, mark, granted),
    )


def _state(server: ToolServer, tool: str, effect: Effect | None, mark: str, granted: Sequence[ToolGrant]) -> str:
    pins = [grant.pins[tool] for grant in granted if tool in grant.pins]
    if effect is None:
        return "not listed"
    if effect is Effect.destructive:
        return "never granted"
    if pins and mark not in pins:
        return "changed since it was granted"
    if effect is Effect.read and (pins or server.ours):
        return "callable"
    writes = any(tool in grant.writes and grant.pins.get(tool) == mark for grant in granted)
    return "callable" if writes else "not granted"


def sessions_of(app: App, waits: Sequence[float] = WAITS) -> Sessions:
    """Return sessions with the repository's servers, none of which is started."""
    aws = app.config.aws
    reach = aws.environment(os.environ) if aws.endpoint_url else {}
    return Sessions({**os.environ, **reach}, app.state / LOG, waits, trusts=partial(trust, app))


async def trust(app: App, server: ToolServer) -> None:
    """Let a server of the repository's own be started or contacted, where a manager granted exactly its definition.

    Raises:
        Refused: nobody did, or a file that it starts is another one now.
    """
    granted = await standing_grants(app.keeper, Grants(app.database, app.clock))
    fix = f"read it, and grant it: phasegate tools grant {server.name}"
    if not any(grant.is_for(server.name, server.definition) for grant in granted):
        raise Refused(f"'{server.name}' waits for a manager: it {server.runs}", reason=NOT_GRANTED, fix=fix)
    # The definition names files, whose bytes were read when the team was loaded; one that was exchanged since was
    # granted by nobody.
    if moved(server, os.environ):
        message = f"'{server.name}' waits for a manager: a file that it starts is another one now; it {server.runs}"
        raise Refused(message, reason=NOT_GRANTED, fix=f"start Phasegate again, then {fix}")


@asynccontextmanager
async def open_tools(app: App) -> AsyncIterator[Tools]:
    """Open the repository's tools, whose servers end with the context."""
    sessions = sessions_of(app, waits=())
    try:
        yield Tools(app=app, sessions=sessions, grants=Grants(app.database, app.clock))
    finally:
        await sessions.close()
