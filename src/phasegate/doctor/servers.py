"""Checks of the servers of tools: each starts, has what its file names, is granted, and reaches its service."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from phasegate.app.config import Mirror
from phasegate.core import Missing, PhasegateError, Refused
from phasegate.doctor.check import Check, Skipped
from phasegate.doctor.services import PROBES, Asked
from phasegate.ledger import ToolGrant
from phasegate.team.servers import Effect, ToolServer
from phasegate.tool_access.servers import ServerState, Tools

_GLOB = set("*?[")


def of_servers(tools: Tools, environ: Mapping[str, str]) -> list[Check]:
    """Return a check for each file of tools/."""
    return [
        Check(name=f"server {server.name}", ask=partial(_server, tools, server, environ), seconds=120)
        for server in tools.app.team.servers.values()
    ]


async def _server(tools: Tools, server: ToolServer, environ: Mapping[str, str]) -> str:
    missing = server.missing(environ)
    if missing:
        names = ", ".join(missing)
        raise Skipped(f"{names} {'is' if len(missing) == 1 else 'are'} not set", fix=f"set {names} (docs/tools.md)")
    offered = await tools.look(server)
    if offered.waits:
        raise Refused(offered.trouble, reason="server_not_granted", fix=offered.fix)
    if offered.trouble:
        raise Missing(offered.trouble, fix=offered.fix)
    _has_what_is_named(offered)
    _is_granted(offered)
    granted = await tools.granted(server)
    reached = await _reached(server, granted, environ, tools.app.config.mirror)
    states = Counter(offer.state for offer in offered.offers)
    told = ", ".join(f"{number} {state}" for state, number in states.items())
    return f"{told}; {reached}" if reached else told


def _has_what_is_named(offered: ServerState) -> None:
    server, there = offered.server, {offer.name for offer in offered.offers}
    lacking = [name for name in server.tools if not _GLOB & set(name) and name not in there]
    if lacking:
        fix = f"take it out of tools/{server.name}.yaml, or install a version that has it"
        raise Missing(f"it has no tool '{lacking[0]}', which its file names", fix=fix)


def _is_granted(offered: ServerState) -> None:
    server, states = offered.server, {offer.name: offer.state for offer in offered.offers}
    fix = f"read what they say of themselves, and sign: phasegate tools grant {server.name}"
    changed = [name for name, state in states.items() if state == "changed since it was granted"]
    if changed:
        raise Refused(f"changed since granted: {', '.join(changed)}", reason="tool_changed", fix=fix)
    usable = [offer for offer in offered.offers if offer.effect in (Effect.read, Effect.write)]
    if usable and not server.ours and "callable" not in states.values():
        raise Refused("it answers, and nothing of it is granted", reason="not_pinned", fix=fix)


async def _reached(server: ToolServer, granted: Sequence[ToolGrant], environ: Mapping[str, str], mirror: Mirror) -> str:
    probe = PROBES.get(server.command[2]) if server.ours and len(server.command) > 2 else None
    if probe is None:
        return ""
    asked = Asked(
        environ={name: environ[name] for name in server.env if environ.get(name)},
        writes=frozenset(name for grant in granted for name in grant.writes),
        only=_bounds([server.only, *(grant.only for grant in granted)]),
        mirror=mirror,
    )
    try:
        return await asyncio.to_thread(probe, asked)
    except KeyError as error:
        raise PhasegateError(
            f"{error} is not given to it", fix=f"name it under env of tools/{server.name}.yaml"
        ) from error


def _bounds(bounds: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    """The values that arguments are bound to, by name: what is bound is what will be used."""
    found: dict[str, list[str]] = {}
    for each in bounds:
        for name, values in each.items():
            found.setdefault(name, []).extend(value for value in values if value not in found.get(name, []))
    return found
