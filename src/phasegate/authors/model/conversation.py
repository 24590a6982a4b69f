"""Conversation with a chat model until it has handed in an answer that holds, or its limits end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from phasegate.authors.model.answers import A, Malformed, hand_in, read_reply
from phasegate.core import Parked
from phasegate.models import Allowance, Call, ChatModel, Meter, Reply, Scope, Stop
from phasegate.models.chat import Message, Prompt, Result
from phasegate.team import Card, Team

MAX_TOKENS, MOST_TOKENS = 8192, 32_768
"""Of one reply, at first, and after replies that were cut off."""
_MOST_REPEATED = 4000
"""Characters of an answer without a hand-in that the model is shown again."""
Judge = Callable[[A], Awaitable[str]]
"""Returns what is wrong with an answer, empty where nothing is."""


class NoAnswer(Parked):
    """A model gave no answer of the shape that was asked for, in all rounds."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Role with the model that works as it and their bounds."""

    card: Card
    model: ChatModel
    meter: Meter
    team: Team

    @property
    def allowed(self) -> Allowance:
        """Amounts that the role may use in a run."""
        limits = self.card.limits
        if limits is None:
            return Allowance()
        return Allowance(tokens=limits.tokens, money_usd=Decimal(str(limits.money_usd)), calls=limits.calls)

    @property
    def rounds(self) -> int:
        """Answers that are asked for at most in one draft or review."""
        return self.card.limits.rounds if self.card.limits else 3

    @property
    def seconds(self) -> float | None:
        """Seconds that one draft or review may take."""
        return self.card.limits.seconds if self.card.limits else None

    def messages(self, phase: str, task: str, variables: Mapping[str, Any]) -> tuple[Message, ...]:
        """Return the filled-in template: instructions, material, and what changes from round to round."""
        instructions, *parts = self.team.prompt(self.card.name, phase, task=task, **variables)
        system = Prompt(role="system", text=instructions, cached=True)
        users = [Prompt(role="user", text=part) for part in parts if part.strip()]
        if len(users) > 1:
            # What changes from round to round comes last, so that the material before it is read from a cache.
            users[0] = users[0].model_copy(update={"cached": True})
        return (system, *users)

    async def answer(self, scope: Scope, messages: tuple[Message, ...], shape: type[A], judge: Judge[A]) -> A:
        """Return an answer that holds, or after the last round the one whose faults the checks will name.

        Args:
            scope: whose calls they are.
            messages: the conversation so far.
            shape: of the answer.
            judge: finds faults that the model can mend.

        Raises:
            NoAnswer: no answer had the shape.
            Parked: a limit was reached.
        """
        try:
            async with asyncio.timeout(self.seconds):
                return await self._answer(scope, messages, shape, judge)
        except TimeoutError as error:
            raise Parked(
                f"the {self.card.title} had no answer within {self.seconds} s",
                fix=f"'phasegate run --resume {scope.run}' tries again; 'seconds' in agents/{self.card.name}.md",
            ) from error

    async def _answer(self, scope: Scope, messages: tuple[Message, ...], shape: type[A], judge: Judge[A]) -> A:
        most, last, problem = MAX_TOKENS, None, ""
        for number in range(1, self.rounds + 1):
            call = Call(messages=messages, hand_in=hand_in(shape), max_tokens=most)
            reply = await self.meter.complete(self.model, scope, number, call, self.allowed)
            try:
                last = read_reply(reply, shape)
                problem = await judge(last)
            except Malformed as error:
                problem = str(error)
            if not problem:
                break
            most = min(most * 2, MOST_TOKENS) if reply.stop is Stop.length else most
            messages = (*messages, *_again(reply, problem))
        if last is None:
            raise NoAnswer(
                f"{self.model.name} gave the {self.card.title} no usable answer in {self.rounds} rounds: {problem}",
                fix=f"'phasegate run --resume {scope.run}' asks again; or have another model work as {self.card.name}",
            )
        return last


def _again(reply: Reply, problem: str) -> tuple[Message, ...]:
    """Return the reply and what is wrong with it, as results of the tools that it called where it called any."""
    wanted = f"Not accepted: {problem}\nHand in the whole answer again."
    if reply.uses and reply.stop is not Stop.length:
        return (reply.said, *(Result(use=use.id, text=wanted, failed=True) for use in reply.uses))
    text = reply.text.strip()[:_MOST_REPEATED] or "(no text)"
    return (reply.said.model_copy(update={"text": text, "uses": ()}), Prompt(role="user", text=wanted))
