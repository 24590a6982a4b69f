"""More of a model for a run, which only a manager allows."""

from typing import Any

from phasegate.core import UsageError, digest
from phasegate.ledger import Signer
from phasegate.ledger.events import AllowanceRaised
from phasegate.ledger.signing.intoto import ALLOWANCE, statement
from phasegate.models import Allowance
from phasegate.workflow.gates.approvers import Credentials
from phasegate.workflow.gates.decide import is_person
from phasegate.workflow.gates.gatekeeper import Gatekeeper
from phasegate.workflow.gates.revoke import sealed


def _amounts(more: Allowance) -> dict[str, Any]:
    """Return what is allowed as it is signed, with time and rounds where they are allowed."""
    # Left out where they are not raised, so that a statement from before they existed keeps its digest.
    later = {name: value for name, value in (("seconds", more.seconds), ("rounds", more.rounds)) if value}
    return {"tokens": more.tokens or 0, "usd": str(more.money_usd or 0), "calls": more.calls or 0, **later}


async def allow(keeper: Gatekeeper, run: str, role: str, more: Allowance, signer: Signer, who: Credentials) -> None:
    """Allow a run, or one of its roles, to use more of a model, by a signed statement in the run's record.

    Raises:
        Refused: `agent_identity`, `service_identity`, `not_yourself` or `bad_signature`.
        UsageError: no such role works in the workflow, or nothing is allowed.
    """
    is_person(keeper, who, who.name)
    if role and role not in keeper.flow.roles:
        raise UsageError(f"no '{role}' works in this workflow", fix=f"name one of {', '.join(keeper.flow.roles)}")
    if not any(vars(more).values()):
        fix = "name an amount: --money-usd 2, --tokens 100000, --calls 20, --seconds 600 or --rounds 2"
        raise UsageError("nothing is allowed", fix=fix)
    if more.rounds and not role:
        raise UsageError("rounds are a role's", fix="name the role, too: --role ROLE")
    amounts = _amounts(more)
    predicate = {"run": run, "role": role, "by": who.name, "at": int(keeper.clock.now().timestamp()), **amounts}
    payload = statement(ALLOWANCE, {f"runs/{run}": {"sha256": digest(predicate)}}, predicate)
    envelope = await sealed(keeper, who.name, payload, signer)
    event = AllowanceRaised(id=digest(payload)[:12], by=who.name, role=role, envelope=envelope.as_json(), **amounts)
    await keeper.ledger.record(run, event)
