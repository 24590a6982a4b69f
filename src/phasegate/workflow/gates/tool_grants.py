"""Grants of tools: given by a manager with their key, and asked anew at each call whether they may give them."""

from collections.abc import Mapping

from phasegate.core import Refused
from phasegate.ledger import Envelope, Grants, Signer, ToolGrant
from phasegate.team.servers import Effect, ToolServer
from phasegate.workflow.gates.approvers import Credentials
from phasegate.workflow.gates.decide import is_person
from phasegate.workflow.gates.gatekeeper import Gatekeeper
from phasegate.workflow.gates.revoke import sealed


async def grant_tools(keeper: Gatekeeper, grants: Grants, grant: ToolGrant, signer: Signer, who: Credentials) -> None:
    """Has agents call a server's tools as they are described now, and write with those that are named.

    Raises:
        Refused: `agent_identity`, `service_identity`, `not_yourself`, `bad_signature`, `reauthentication_required`, or
            `empty_window`.
    """
    is_person(keeper, who, grant.by)
    envelope = await sealed(keeper, grant.by, grant.encoded(), signer)
    if not who.fresh(keeper.clock.now()):
        fix = "give your passphrase again"
        raise Refused("granting tools asks who you are at that moment", reason="reauthentication_required", fix=fix)
    if grant.ends <= max(grant.begins, keeper.clock.now()):
        raise Refused("the window is over before it begins", reason="empty_window", fix="--until a day to come")
    await grants.keep(envelope)


async def standing_grants(keeper: Gatekeeper, grants: Grants) -> list[ToolGrant]:
    """Return current grants signed by a manager in phasegate.toml, within their window."""
    now = keeper.clock.now()
    return [
        grant
        for grant, envelope in await grants.all()
        if grant.stands(now) and grant.by not in keeper.agents and _is_managers(keeper, grant, envelope)
    ]


def may_write(server: ToolServer, tools: Mapping[str, object], names: tuple[str, ...]) -> None:
    """Holds the tools that are to write against what the server's file says of them.

    Raises:
        Refused: `tool_unknown`, `tool_not_listed`, `never_granted` for what is destructive, or `nothing_to_grant` for
            what reads.
    """
    for name in names:
        rule = server.rule(name)
        if name not in tools:
            raise Refused(f"'{server.name}' has no tool '{name}'", reason="tool_unknown", fix="phasegate tools list")
        if rule is None:
            fix = f"name it in tools/{server.name}.yaml"
            raise Refused(f"tools/{server.name}.yaml does not name '{name}'", reason="tool_not_listed", fix=fix)
        if rule.effect is Effect.destructive:
            fix = "have a runbook do it, whose findings a manager approves"
            raise Refused(f"'{name}' is destructive; no agent calls it", reason="never_granted", fix=fix)
        if rule.effect is Effect.read:
            raise Refused(f"'{name}' only reads", reason="nothing_to_grant", fix="leave out --write for it")


def _is_managers(keeper: Gatekeeper, grant: ToolGrant, envelope: Envelope) -> bool:
    manager = keeper.managers().get(grant.by)
    return manager is not None and envelope.holds(manager.public_key)
