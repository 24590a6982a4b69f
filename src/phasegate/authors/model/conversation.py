"""Conversation with a chat model until it has handed in an answer that holds, or its limits end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from phasegate.authors.author import Brief
from phasegate.authors.model.answers import HAND_IN, A, Malformed, hand_in, read_reply
from phasegate.authors.model.toolbox import NO_TOOLS, Toolboxes
from phasegate.authors.review import Subject
from phasegate.core import Parked, one_line
from phasegate.core.formatting import count
from phasegate.models import Allowance, Call, ChatModel, Meter, ModelFailed, Reply, Scope, Stop, ToolSpec, Use
from phasegate.models.chat import Message, Prompt, Result
from phasegate.team import Card, Team

MAX_TOKENS, MOST_TOKENS = 8192, 32_768
"""Of one reply, at first, and after replies that were cut off."""
_ALONE = f"call '{HAND_IN}' alone, after you have read the results of the other tools"
_LAST = f"No step is left: call '{HAND_IN}' now with what you have."
_MOST_REPEATED = 4000
"""Characters of an answer without a hand-in that the model is shown again."""
_MOST_TOLD = 300
"""Characters of a fault that a person is told."""
Judge = Callable[[A], Awaitable[str]]
"""Returns what is wrong with an answer, empty where nothing is."""
Told = Callable[[str], None]


def _not_told(_: str) -> None:
    """Forget a fault."""


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

    def messages(self, asked: Brief | Subject, task: str, variables: Mapping[str, Any]) -> tuple[Message, ...]:
        """Return the filled-in template: instructions, material, and what changes from round to round."""
        kind = asked.kind.prompts
        instructions, *parts = self.team.prompt(self.card.name, asked.phase, task=task, kind=kind, **variables)
        system = Prompt(role="system", text=instructions, cached=True)
        users = [Prompt(role="user", text=part) for part in parts if part.strip()]
        if len(users) > 1:
            # What changes from round to round comes last, so that the material before it is read from a cache.
            users[0] = users[0].model_copy(update={"cached": True})
        return (system, *users)

    @property
    def steps(self) -> int:
        """Replies in which the model may call tools, in one draft or review."""
        return self.card.limits.steps if self.card.limits else 60

    async def answer(
        self,
        scope: Scope,
        messages: tuple[Message, ...],
        shape: type[A],
        judge: Judge[A],
        tools: Toolboxes = NO_TOOLS,
        told: Told = _not_told,
    ) -> A:
        """Return an answer that holds, or after the last round the one whose faults the checks will name.

        Args:
            scope: whose calls they are.
            messages: the conversation so far.
            shape: of the answer.
            judge: finds faults that the model can mend.
            tools: what it may call before it hands in.
            told: is told each fault for which an answer was not taken.

        Raises:
            NoAnswer: no answer had the shape.
            Parked: a limit was reached.
        """
        worker = self._with(await self.meter.raised(scope))
        try:
            async with asyncio.timeout(worker.seconds):
                return await worker._answer(scope, messages, shape, judge, tools, told)
        except ModelFailed as error:
            # Several roles may share a model: whose reply is missing is known here alone.
            message = f"the {worker.card.title} has no reply: {error}"
            raise ModelFailed(message, fix=f"{error.fix} ([roles.{worker.card.name}] in phasegate.toml)") from error
        except TimeoutError as error:
            raise Parked(
                f"the {self.card.title} had no answer within {worker.seconds} s",
                fix=f"allow more time: {_allow(scope)} --seconds {worker.seconds}'; "
                f"or 'phasegate run --resume {scope.run}'",
            ) from error

    def _with(self, more: Allowance) -> "Worker":
        """Return the role with the rounds and seconds that managers allowed in addition."""
        limits = self.card.limits
        if limits is None:
            return self
        raised = {"rounds": limits.rounds + (more.rounds or 0), "seconds": limits.seconds + (more.seconds or 0)}
        return replace(self, card=self.card.model_copy(update={"limits": limits.model_copy(update=raised)}))

    async def _answer(
        self,
        scope: Scope,
        messages: tuple[Message, ...],
        shape: type[A],
        judge: Judge[A],
        tools: Toolboxes,
        told: Told,
    ) -> A:
        talk = _Talk(worker=self, scope=scope, messages=messages, shape=shape, tools=tools)
        last, problem = None, ""
        for _ in range(self.rounds):
            reply = await talk.to_hand_in()
            try:
                last = read_reply(reply, shape)
                problem = await judge(last)
            except Malformed as error:
                problem = str(error)
            if not problem:
                break
            told(problem)
            talk.ask_again(reply, problem)
        if last is None:
            rounds = count(self.rounds, "round")
            raise NoAnswer(
                f"{self.model.name} gave the {self.card.title} no usable answer in {rounds}; "
                f"it was told: {_short(problem)}",
                fix=f"allow more rounds: {_allow(scope)} --rounds 2'; or have another model work as {self.card.name}",
            )
        return last


def _short(problem: str) -> str:
    """Return a fault in a line that a person reads among others."""
    return one_line(problem)[:_MOST_TOLD]


def _allow(scope: Scope) -> str:
    return f"'phasegate allow {scope.run} --role {scope.role}"


@dataclass(kw_only=True)
class _Talk:
    """A conversation under way, which only grows, so that a cache holds its beginning and a recording finds it."""

    worker: Worker
    scope: Scope
    messages: tuple[Message, ...]
    shape: type[Any]
    tools: Toolboxes
    calls: int = 0
    steps: int = 0
    most: int = MAX_TOKENS

    async def to_hand_in(self) -> Reply:
        """Return the next reply that calls no tool, after the results of those that were called before it."""
        while True:
            specs = tuple(await self.tools.specs()) if self.steps < self.worker.steps else ()
            reply = await self._next(specs)
            if not specs or not _calls_tools(reply):
                return reply
            self.steps += 1
            results = [await self._result(use) for use in reply.uses]
            self.messages = (*self.messages, reply.said, *results)
            if self.steps == self.worker.steps:
                self.messages = (*self.messages, Prompt(role="user", text=_LAST))

    def ask_again(self, reply: Reply, problem: str) -> None:
        """Add a reply and what is wrong with it."""
        # With the same limit the next reply would be cut off at the same place.
        self.most = min(self.most * 2, MOST_TOKENS) if reply.stop is Stop.length else self.most
        self.messages = (*self.messages, *_again(reply, problem))

    async def _next(self, specs: tuple[ToolSpec, ...]) -> Reply:
        self.calls += 1
        *before, last = self.messages
        if isinstance(last, Result):
            # The cache point moves with the conversation: each call reads what the one before it had written.
            last = last.model_copy(update={"cached": True})
        call = Call(messages=(*before, last), tools=specs, hand_in=hand_in(self.shape), max_tokens=self.most)
        worker = self.worker
        return await worker.meter.complete(worker.model, self.scope, self.calls, call, worker.allowed)

    async def _result(self, use: Use) -> Result:
        if use.name == HAND_IN:
            return Result(use=use.id, text=_ALONE, failed=True)
        return await self.tools.call(use)


def _calls_tools(reply: Reply) -> bool:
    """Return whether a whole reply calls a tool other than the hand-in."""
    return reply.stop is not Stop.length and any(use.name != HAND_IN for use in reply.uses)


def _again(reply: Reply, problem: str) -> tuple[Message, ...]:
    """Return the reply and what is wrong with it, as results of the tools that it called where it called any."""
    wanted = f"Not accepted: {problem}\nHand in the whole answer again."
    if reply.uses and reply.stop is not Stop.length:
        return (reply.said, *(Result(use=use.id, text=wanted, failed=True) for use in reply.uses))
    # Without its calls: one that was cut off has no whole arguments, and providers refuse a call that has no result.
    text = reply.text.strip()[:_MOST_REPEATED] or "(no text)"
    return (reply.said.model_copy(update={"text": text, "uses": ()}), Prompt(role="user", text=wanted))
