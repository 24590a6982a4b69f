"""From a click to a decision: who clicked, with which key, and on to the one place that decides."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from phasegate.core import PhasegateError, Refused, digest
from phasegate.identity import Unlock
from phasegate.ledger import Decision, DecisionKind, GateRecord, GateStatus
from phasegate.ledger.events import ClickRefused
from phasegate.reports.gate_card import title_of
from phasegate.reports.questions import questions_at
from phasegate.tools.servers.slack.cards import remark_view
from phasegate.tools.servers.slack.requests import Verifier
from phasegate.web import decisions
from phasegate.web.context import Context
from phasegate.web.problems import Problem, problem_of
from phasegate.web.slack import replies
from phasegate.web.slack.background_tasks import Errands
from phasegate.web.slack.payloads import Click
from phasegate.web.slack.slack_client import AsyncSlackClient

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_bolt.response import BoltResponse


_log = logging.getLogger("phasegate.slack")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to Slack."""

    status: int = 200
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Door:
    """Handler of clicks."""

    context: Context
    slack: AsyncSlackClient
    errands: Errands = field(default_factory=Errands)

    async def decide(self, click: Click, kind: DecisionKind) -> Answer:
        """Decide as the person who clicked, and tell them of a refusal."""
        return await self._answer(click, partial(self._decided, click, kind))

    async def ask(self, click: Click) -> Answer:
        """Open the view in which the person gives a reason."""
        return await self._answer(click, partial(self._asked, click))

    async def warm_up(self) -> None:
        """Asks Slack who we are before the first click has to wait for it.

        Raises:
            PhasegateError: Slack does not say.
        """
        await self.slack.myself()

    async def _answer(self, click: Click, act: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await act()
        except PhasegateError as error:
            problem = problem_of(error)
        if problem.status not in (403, 409) and problem.reason not in replies.REASONS:
            _log.warning("a click was not taken: %s; %s", problem.detail, problem.fix, extra={"action": "slack-failed"})
        # A refusal of a person is worth a line in the run's record; a card that is out of date happens every day.
        if problem.status == 403:
            await self._record(click, problem)
        self.errands.send("tell who clicked", self._tell(click, problem))
        if problem.status == 409:
            self.errands.send("update the card", replies.show(self.context, self.slack, click, problem.reason))
        return Answer(status=problem.status, body={"reason": problem.reason, "detail": problem.detail})

    async def _decided(self, click: Click, kind: DecisionKind) -> Answer:
        gate, unlocked = await self._gate(click), await self._who(click)
        decision = await decisions.from_click(
            self.context, gate, kind, unlocked, digest=click.digest, remark=click.remark, answers=click.answers
        )
        self.errands.send("update the card", replies.show(self.context, self.slack, click))
        return Answer(body=_receipt(decision))

    async def _asked(self, click: Click) -> Answer:
        gate, _ = await self._gate(click), await self._who(click)
        _waits(gate, click.digest)
        title = title_of(await self.context.inbox.look(gate))
        app, run = self.context.app, await self.context.app.ledger.run(gate.key.run)
        asked = [question.text for question in questions_at(app, gate, run.spec)]
        # The place travels through the view and back, since what Slack sends with the view does not name the card.
        view = remark_view(click.action, str(gate.key), title, gate.digest, click.place.kept, asked)
        await self.slack.open_view(click.trigger, view)
        return Answer()

    async def _gate(self, click: Click) -> GateRecord:
        return await self.context.gate(*click.gate)

    async def _who(self, click: Click) -> Unlock:
        """The key of the manager who clicked.

        Raises:
            Refused: `service_identity`, `foreign_workspace`, `not_an_approver`, `not_unlocked`.
        """
        user, myself = click.user, await self.slack.myself()
        # Slack marks bots in more than one way, by the kind of their app, and ours in none.
        if user.is_bot or user.bot_id or user.id == myself.user_id:
            raise Refused("a bot clicked, and bots never decide", reason="service_identity", fix="click yourself")
        # Both are asked for: in a shared channel the click comes from our workspace and the person from another.
        homes = {click.team.id if click.team else "", user.team_id}
        if not myself.team_id or homes != {myself.team_id}:
            raise Refused(
                "the click comes from another workspace", reason="foreign_workspace", fix="decide on the gate's page"
            )
        managers = self.context.app.keeper.managers().values()
        name = next((manager.name for manager in managers if manager.slack == user.id), "")
        if not name:
            raise Refused(
                f"no manager has the member id {user.id}",
                reason="not_an_approver",
                fix="set 'slack' of that manager in phasegate.toml to their member id",
            )
        unlocked = await self.context.unlocked.find(name)
        # An id that was put into phasegate.toml since must not inherit a key that was unlocked for another (decision
        # 0012).
        if unlocked is None or unlocked.user != user.id:
            raise Refused(f"deciding from Slack is not unlocked for '{name}'", reason="not_unlocked", fix="unlock it")
        return unlocked

    async def _record(self, click: Click, problem: Problem) -> None:
        """Notes a refusal in the run's ledger, once for a click."""
        gate = await self.context.app.ledger.gate(click.gate)
        if gate:
            refused = ClickRefused(
                phase=gate.key.phase,
                attempt=gate.key.attempt,
                click=click.id,
                user=click.user.id,
                team=click.team.id if click.team else "",
                action=click.action,
                reason=problem.reason,
            )
            await self.context.app.ledger.record(gate.key.run, refused)

    async def _tell(self, click: Click, problem: Problem) -> None:
        if click.place.response_url:
            await self.slack.send_ephemeral(
                click.place.response_url, await replies.words_of(self.context, click, problem)
            )


def _waits(gate: GateRecord, shown: str) -> None:
    """Refuse early what cannot be decided any more, before a person writes. `decide` judges it all the same."""
    if gate.status is GateStatus.void:
        raise Refused(f"gate '{gate.key}' is void", reason="gate_void")
    if gate.status is GateStatus.decided:
        raise Refused(f"gate '{gate.key}' was decided already", reason="already_decided")
    if gate.digest != shown:
        raise Refused(f"gate '{gate.key}' shows other bytes now", reason="stale_digest")


def _receipt(decision: Decision) -> dict[str, str]:
    """The same for the same decision, however often it is handed in."""
    statement = decision.statement
    return {
        "gate": str(statement.gate),
        "decision": statement.kind.value,
        "by": statement.by,
        "receipt": digest(statement.encoded()),
    }


@dataclass(frozen=True, kw_only=True)
class SlackApp:
    """The server's Slack context, shared by HTTP and socket mode."""

    door: Door
    bolt: "AsyncApp"
    dispatch: Callable[[Mapping[str, Any]], Awaitable["BoltResponse"]]
    """Answers a payload of which it is proved that Slack sent it."""
    verifier: Verifier | None
    """Of requests over HTTP; None: they are not taken, as there is no signing secret."""


def desk_of(context: Context) -> SlackApp | None:
    """The desk, or None where Slack is not set up."""
    if context.slack is None:
        return None
    from phasegate.web.slack.listeners import dispatch, listening  # they load bolt, which no other server needs

    door, secret = Door(context=context, slack=context.slack), context.slack.environment.secret
    verifier = Verifier(secret, context.app.clock) if secret else None
    bolt = listening(door)
    return SlackApp(door=door, bolt=bolt, dispatch=partial(dispatch, bolt), verifier=verifier)
