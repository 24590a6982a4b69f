"""Policy of tool calls, evaluated anew for each, where calls are denied by default.

What a server says of its tools (`readOnlyHint` and the like) counts for nothing here; `tools/<name>.yaml` and a
manager's grants do.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mcp.types import Tool

from phasegate.core import Refused, visible
from phasegate.core.secrets import find_secrets
from phasegate.ledger import ToolGrant
from phasegate.team.servers import ENGINE, Effect, Rule, ToolServer
from phasegate.tools.client.bounds import beyond, covered, stray
from phasegate.tools.client.call import Call, is_name
from phasegate.tools.client.fingerprint import fingerprint
from phasegate.tools.client.scope import MOST_DEPTH, Scope, depth, texts

_MINUTE = timedelta(minutes=1)


@dataclass(kw_only=True)
class Policy:
    """The rules, for all roles."""

    servers: Mapping[str, ToolServer]
    now: Callable[[], datetime]
    scope: Scope = field(default_factory=Scope)
    _made: dict[str, deque[datetime]] = field(default_factory=dict)
    """When calls of a tool were made, within the last minute."""

    def may_look(self, server: ToolServer) -> bool:
        """Return whether calls of a server could be about anything: one with AWS needs a region in scope."""
        return not (server.has_aws and self.scope.regions is not None and not self.scope.regions)

    def reason_disabled(self, role: str, server: ToolServer, shown: Tool, grants: Sequence[ToolGrant]) -> str:
        """Return why a tool is not shown to a role, as `judge` decides, or an empty string.

        What a tool that is off says of itself is for managers alone.
        """
        call = Call(role=role, server=server.name, tool=shown.name, arguments={})
        try:
            _, rule = self._is_listed(call)
            standing = self._standing(call, grants)
            self._is_pinned(call, server, shown, standing)
            if rule.effect is Effect.write and not any(_lets_write(grant, call, shown) for grant in standing):
                raise _ungranted(call)
        except Refused as refused:
            return refused.reason
        return ""

    def judge(self, call: Call, shown: Tool | None, grants: Sequence[ToolGrant]) -> Rule:
        """Lets a call through, and counts it.

        Args:
            call: what is wanted.
            shown: the tool as its server describes it now; None where it has none of that name.
            grants: grants whose signer may give them.

        Raises:
            Refused: reason `tool_not_listed`, `role_not_allowed`, `tool_unknown`, `never_granted`, `not_pinned`,
                `tool_changed`, `not_json`, `outside_scope`, `outside_bounds`, `secret_in_arguments`, `needs_grant`, or
                `too_many_calls`.
        """
        server, rule = self._is_listed(call)
        if shown is None:
            raise _refused(call, "tool_unknown", "the server has no such tool", "'phasegate tools' lists what it has")
        standing = self._standing(call, grants)
        # Before the arguments are looked at: bounds are written for a tool as it described itself, and say nothing of
        # another.
        self._is_pinned(call, server, shown, standing)
        self._in_scope(call, server)
        if found := beyond(call.arguments, rule.bounds):
            raise _unbounded(call, rule, *found)
        if rule.effect is Effect.write and not any(_covers(grant, call, shown) for grant in standing):
            raise _ungranted(call, [grant for grant in standing if _lets_write(grant, call, shown)])
        # Counted last, so that refused calls use up nothing.
        self._in_time(call, rule)
        return rule

    def _is_listed(self, call: Call) -> tuple[ToolServer, Rule]:
        server = self.servers.get(call.server)
        rule = server.rule(call.tool) if server and is_name(call.tool) else None
        if server is None or rule is None:
            raise _refused(call, "tool_not_listed", f"tools/{call.server}.yaml does not name it", "name it there")
        if call.role not in server.callers(call.tool):
            raise _refused(call, "role_not_allowed", f"the {call.role} may not call it", "add the role under `roles`")
        if rule.effect is Effect.destructive:
            fix = "have a runbook do it, whose findings a manager approves"
            raise _refused(call, "never_granted", "it is destructive, and no agent calls such a tool", fix)
        return server, rule

    def _standing(self, call: Call, grants: Sequence[ToolGrant]) -> list[ToolGrant]:
        definition = self.servers[call.server].definition
        return [grant for grant in grants if grant.is_for(call.server, definition) and grant.stands(self.now())]

    def _is_pinned(self, call: Call, server: ToolServer, shown: Tool, grants: Sequence[ToolGrant]) -> None:
        pins = [grant.pins[call.tool] for grant in grants if call.tool in grant.pins]
        fix = f"read it, and grant it: phasegate tools grant {call.server}"
        if server.ours and not pins:
            return  # it comes with this installation, as the policy itself does
        if not pins:
            raise _refused(call, "not_pinned", "no manager has seen what it says of itself", fix)
        if fingerprint(shown) not in pins:
            raise _refused(call, "tool_changed", "it describes itself otherwise than it did when it was granted", fix)

    def _in_scope(self, call: Call, server: ToolServer) -> None:
        if depth(call.arguments) > MOST_DEPTH:
            why = f"its arguments are nested more than {MOST_DEPTH} deep"
            raise _refused(call, "outside_scope", why, "say it in a flatter way")
        if not call.is_json:
            why = "its arguments cannot be written as JSON that everybody reads alike"
            raise _refused(call, "not_json", why, "write large integers, and what is no number, as text")
        if beyond := stray(call.arguments, server.only):
            raise _outside(call, *beyond, f"one of: {', '.join(sorted(server.only[beyond[0]]))}")
        # The engine's own texts went without secrets already, and hold digests and keys of its own making.
        if call.role != ENGINE and any(map(find_secrets, texts(call.arguments))):
            why = "its arguments hold what looks like a secret"
            raise _refused(call, "secret_in_arguments", why, "say it without the secret")
        found = self.scope.stray(call.arguments, reads_text=server.has_aws)
        if found:
            where = {"account": "accounts", "region": "inventory"}[found[0]]
            allowed = self.scope.within(found[0])
            fix = f"{f'name one of: {allowed}; or ' if allowed else ''}add it to {where} under [aws] in phasegate.toml"
            raise _outside(call, *found, fix)

    def _in_time(self, call: Call, rule: Rule) -> None:
        now, made = self.now(), self._made.setdefault(call.name, deque())
        while made and now - made[0] >= _MINUTE:
            made.popleft()
        if len(made) >= rule.per_minute:
            raise _refused(call, "too_many_calls", f"{rule.per_minute} calls a minute are its limit", "wait a minute")
        made.append(now)


def waits(reason: str) -> bool:
    """Return whether a manager's grant would allow a call that was refused for that reason."""
    return reason in ("tool_changed", "not_pinned", "needs_grant")


def _covers(grant: ToolGrant, call: Call, shown: Tool) -> bool:
    """Return whether a call that writes is within a grant: its tool as described, its arguments as bounded."""
    return _lets_write(grant, call, shown) and covered(call.arguments, grant.only)


def _lets_write(grant: ToolGrant, call: Call, shown: Tool) -> bool:
    return call.tool in grant.writes and grant.pins.get(call.tool) == fingerprint(shown)


def _ungranted(call: Call, others: Sequence[ToolGrant] = ()) -> Refused:
    """Return the refusal of a call that writes, with the bounds of the grants that let it write otherwise."""
    bounds = "; ".join(f"{name}={' or '.join(values)}" for grant in others for name, values in grant.only.items())
    why = f"it writes, and no grant covers this call{f', but calls with {bounds}' if bounds else ''}"
    fix = f"a manager grants it: phasegate tools grant {call.server} --write {call.tool}"
    return _refused(call, "needs_grant", why, fix)


def _outside(call: Call, what: str, value: object, fix: str) -> Refused:
    why = f"{what} '{visible(str(value))[:60]}' is not within its bounds"
    return _refused(call, "outside_scope", why, fix)


def _unbounded(call: Call, rule: Rule, path: str, value: object) -> Refused:
    bound = rule.bounds[path]
    if isinstance(value, Mapping):
        why = f"'{path}' is an object, and a bound names values inside of one by their paths"
        fix = f"bound paths below '{path}' in tools/{call.server}.yaml"
        return _refused(call, "outside_bounds", why, fix)
    allowed = f"'{visible(bound)[:200]}'" if isinstance(bound, str) else visible(", ".join(bound))[:200]
    given = f"'{path}' is '{visible(str(value))[:60]}'" if value != "" else f"'{path}' is left out or empty"
    fix = f"its bound in tools/{call.server}.yaml allows {allowed} alone"
    return _refused(call, "outside_bounds", given, fix)


def _refused(call: Call, reason: str, why: str, fix: str) -> Refused:
    return Refused(f"{call.name} is not called: {why}", reason=reason, fix=fix)
