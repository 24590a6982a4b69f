"""Taking a decision back before anything has come of it, and having somebody else decide for a while."""

import asyncio
from collections.abc import Collection
from datetime import datetime

from phasegate.core import Refused
from phasegate.ledger import (
    STATEMENT,
    Delegation,
    Dispatch,
    Envelope,
    Revocation,
    Signer,
    seal,
)
from phasegate.ledger.events import DecisionRevoked
from phasegate.workflow.gates.approvers import Credentials
from phasegate.workflow.gates.decide import is_person
from phasegate.workflow.gates.gatekeeper import Gatekeeper


async def revoke(
    keeper: Gatekeeper, revocation: Revocation, signer: Signer, who: Credentials, dispatch: Dispatch
) -> None:
    """Revoke a person's decision at a gate, which is void then, so that the run opens another.

    Raises:
        Refused: `agent_identity`, `service_identity`, `not_yourself`, `bad_signature`, `reauthentication_required`
            where the gate asks for it, or `nothing_to_revoke` where they said nothing, or the run went on already.
    """
    is_person(keeper, who, revocation.by)
    envelope = await sealed(keeper, revocation.by, revocation.encoded(), signer)
    _proved(keeper, who, [revocation.gate.phase])
    gate, by = revocation.gate, revocation.by
    event = DecisionRevoked(
        phase=gate.phase, attempt=gate.attempt, by=by, channel=who.channel, envelope=envelope.as_json()
    )
    if not await keeper.ledger.revoke(gate, by, dispatch, event):
        raise Refused(
            f"there is nothing of '{revocation.by}' to take back at gate '{revocation.gate}'",
            reason="nothing_to_revoke",
            fix="a decision can be taken back until the run goes on with it",
        )


async def delegate(keeper: Gatekeeper, delegation: Delegation, signer: Signer, who: Credentials) -> None:
    """Delegate a person's decisions within a window to another, who signs with their own key.

    Raises:
        Refused: `agent_identity`, `service_identity`, `not_yourself`, `bad_signature`, `unknown_delegate` where the
            other is no manager, `unknown_gate` where the workflow has no such phase, `reauthentication_required` where
            one of the gates asks for it, `empty_window`, or `token_used` where it was signed elsewhere, and used.
    """
    is_person(keeper, who, delegation.by)
    envelope = await sealed(keeper, delegation.by, delegation.encoded(), signer)
    if delegation.to not in keeper.managers() or delegation.to == delegation.by:
        raise Refused(
            f"'{delegation.to}' is no other manager of this repository",
            reason="unknown_delegate",
            fix="name one of the [[managers]] of phasegate.toml; 'phasegate manager init' adds one",
        )
    unknown = [phase for phase in delegation.gates if phase not in keeper.flow.phase_ids]
    if unknown:
        raise Refused(
            f"the workflow has no gate of a phase '{unknown[0]}'",
            reason="unknown_gate",
            fix=f"name one of {', '.join(keeper.flow.phase_ids)}",
        )
    _proved(keeper, who, delegation.gates or keeper.flow.phase_ids)
    if delegation.ends <= max(delegation.begins, keeper.clock.now()):
        raise Refused(
            "the window is over before it begins", reason="empty_window", fix="let it end on a day to come (--until)"
        )
    # A statement that was signed on another machine could be sent again by whoever saw it, after its delegator ended
    # the delegation.
    if delegation.at and await keeper.ledger.had_delegation(envelope):
        fix = "ask for the statement again, and sign it"
        raise Refused("this statement was handed in before", reason="token_used", fix=fix)
    await keeper.ledger.delegate(envelope)


async def end_delegation(
    keeper: Gatekeeper, by: str, to: str, signer: Signer, who: Credentials, at: datetime | None = None
) -> int:
    """End all delegations of one person to another, and return their number.

    Args:
        keeper: where.
        by: the delegator.
        to: who decided for them.
        signer: the delegator's key.
        who: how they came.
        at: when it was signed; left out: now.

    Raises:
        Refused: `agent_identity`, `service_identity`, `not_yourself`, `bad_signature`, or `nothing_to_end`.
    """
    is_person(keeper, who, by)
    moment = at or keeper.clock.now()
    # The envelope is not kept: that it holds shows that whoever asks has the delegator's key, which is all that is
    # asked here.
    await sealed(keeper, by, Delegation(by=by, to=to, begins=moment, ends=moment).encoded(), signer)
    ended = await keeper.ledger.end_delegations(by, to)
    if not ended:
        raise Refused(
            f"'{by}' has nothing delegated to '{to}'", reason="nothing_to_end", fix="name the one who decides for you"
        )
    return ended


def _proved(keeper: Gatekeeper, who: Credentials, phases: Collection[str]) -> None:
    asks = [row.gate.name for row in keeper.flow.phases if row.id in phases and row.gate.reauthenticate]
    if asks and not who.fresh(keeper.clock.now()):
        raise Refused(
            f"gate '{asks[0]}' asks who you are at that moment",
            reason="reauthentication_required",
            fix="give your passphrase again",
        )


async def sealed(keeper: Gatekeeper, name: str, payload: bytes, signer: Signer) -> Envelope:
    """A statement under the key that phasegate.toml lists for that manager.

    Raises:
        Refused: `bad_signature`, where it is another.
    """
    manager = keeper.managers().get(name)
    envelope = await asyncio.to_thread(seal, STATEMENT, payload, signer)
    if manager is None or not envelope.holds(manager.public_key):
        raise Refused(
            f"this is not the key of '{name}'", reason="bad_signature", fix="sign with the key that is listed for you"
        )
    return envelope
