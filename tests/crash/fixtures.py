"""A team whose runs stop at the point that their id names, so that the worker can be killed just there."""

import asyncio
import fcntl
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.authors import Brief, Draft, Report, Subject
from phasegate.ledger import PrivateKey, RunStatus
from phasegate.team import Phase
from phasegate.workflow import Effect, Outcome
from phasegate.workflow.engine import Node, Nodes, Segments
from unit.workflow.fixtures import Team, flow, phase, write_item

KEY, SYSTEM = (PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2))
UNDISTURBED = "undisturbed"
_NODES = ("begin", "draft", "join", "check-content", "review-critic", "settle", "effect-shake")
POLICY_POINTS = tuple(f"{when}-{node}" for node in _NODES for when in ("before", "after"))
BODY_POINTS = ("in-draft", "in-check", "in-effect")
PERSON_POINTS = tuple(f"person-{point}" for point in ("before-settle", "after-settle", "before-gate"))
DECIDED_POINTS = tuple(f"person-{point}" for point in ("before-consume", "after-consume"))
POINTS = (*POLICY_POINTS, *BODY_POINTS, *PERSON_POINTS, *DECIDED_POINTS)


@dataclass(frozen=True)
class Marks:
    """Files outside everything that a run writes, made so that two makers of one cannot both succeed."""

    folder: Path
    stops: int
    """How often a run stops at its point."""

    def note(self, name: str) -> None:
        """One more line for what was called."""
        with (self.folder / "calls" / name).open("a") as file:
            file.write("x\n")

    def calls(self, name: str) -> int:
        """How often it was called."""
        file = self.folder / "calls" / name
        return len(file.read_text().splitlines()) if file.exists() else 0

    def make(self, kind: str, name: str) -> bool:
        """Makes a mark; False where it is there."""
        try:
            os.close(os.open(self.folder / kind / name, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def made(self, kind: str) -> set[str]:
        """The marks of a kind."""
        return {file.name for file in (self.folder / kind).iterdir()}

    async def stop(self, run: str, point: str) -> None:
        """Waits where the run's id names this point and it has not stopped often enough, until all may go on."""
        if run.removeprefix("person-") == point and any(
            self.make("reached", f"{run}.{turn}") for turn in range(self.stops)
        ):
            while not (self.folder / "onward").exists():  # noqa: ASYNC110 - another process says so
                await asyncio.sleep(0.05)

    def go_on(self) -> None:
        """Lets all that waits go on."""
        (self.folder / "onward").touch()


def marks(folder: Path, stops: int) -> Marks:
    """Their folders, made where they are missing."""
    for kind in ("calls", "done", "reached", "overlaps", "active"):
        (folder / "marks" / kind).mkdir(parents=True, exist_ok=True)
    return Marks(folder / "marks", stops)


def team(folder: Path, found: Marks) -> Team:
    """Two phases; the first with two authors, a check, a reviewer and two effects."""
    rows = [
        {"role": role, "item": item, "artifacts": ["*"]} for role, item in (("writer", "text"), ("drawer", "picture"))
    ]
    reviews = [{"role": "critic", "checks": ["taste"]}]  # another than the phase's, so that a run stops in one place
    table = flow(phase("first", authors=rows, reviews=reviews, effects=["shake", "tell"]), phase("second"))
    effects: dict[str, Effect] = {name: _effect(found, name) for name in ("shake", "tell")}

    async def author(brief: Brief) -> Draft:
        found.note(f"{brief.facts.run}.draft-{brief.phase}-{brief.item}")
        if (brief.phase, brief.item) == ("first", "text"):
            await found.stop(brief.facts.run, "in-draft")
        return await write_item(brief)

    async def check(subject: Subject) -> Report:
        if subject.phase == "first":
            await found.stop(subject.facts.run, "in-check")
        return Report(evidence="fine")

    async def fine(subject: Subject) -> Report:
        return Report(evidence="fine")

    return Team(
        folder,
        flow=table,
        author=author,
        checks={"content": check, "taste": fine},
        effects=effects,
        wrap=lambda nodes: Stopping(nodes, found),
        key=KEY,
        system=SYSTEM,
    )


def _effect(found: Marks, name: str) -> Effect:
    async def effect(outcome: Outcome) -> dict[str, Any]:
        run = outcome.facts.run
        found.note(f"{run}.effect-{name}")
        fresh = found.make("done", f"{run}.{name}")
        if name == "shake":
            await found.stop(run, "in-effect")
        return {"found": not fresh}

    return effect


class Stopping:
    """A team's nodes, with a stop before and after each of the first phase's."""

    def __init__(self, nodes: Nodes, found: Marks) -> None:
        self._nodes = nodes
        self._marks = found

    def begin(self, phase: Phase) -> Node:
        return self._around(phase, "begin", self._nodes.begin(phase))

    def draft(self, phase: Phase) -> Node:
        return self._around(phase, "draft", self._nodes.draft(phase))

    def join(self, phase: Phase) -> Node:
        return self._around(phase, "join", self._nodes.join(phase))

    def judges(self, phase: Phase) -> Mapping[str, Node]:
        return {name: self._around(phase, name, node) for name, node in self._nodes.judges(phase).items()}

    def settle(self, phase: Phase) -> Node:
        return self._around(phase, "settle", self._nodes.settle(phase))

    def gate(self, phase: Phase) -> Node:
        return self._around(phase, "gate", self._nodes.gate(phase))

    def consume(self, phase: Phase) -> Node:
        return self._around(phase, "consume", self._nodes.consume(phase))

    def turn(self, phase: Phase) -> Node:
        return self._around(phase, "turn", self._nodes.turn(phase))

    def effects(self, phase: Phase) -> Mapping[str, Node]:
        return {name: self._around(phase, name, node) for name, node in self._nodes.effects(phase).items()}

    def _around(self, phase: Phase, name: str, body: Node) -> Node:
        async def node(state: Any) -> dict[str, Any]:
            stops = phase.id == "first" and state.get("item", "text") == "text"
            if stops:
                await self._marks.stop(state["run"], f"before-{name}")
            update = await body(state)
            if stops:
                await self._marks.stop(state["run"], f"after-{name}")
            return update

        return node


@dataclass(frozen=True, kw_only=True)
class Watched(Segments):
    """Segments that leave a mark where two of one run work at a time."""

    found: Marks

    async def advance(self, run_id: str) -> RunStatus:
        with (self.found.folder / "active" / run_id).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.found.make("overlaps", run_id)
            return await super().advance(run_id)


Wait = Callable[[], Awaitable[bool]]


async def until(what: str, holds: Wait, seconds: float = 60) -> None:
    """Asks again and again until it holds."""
    end = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < end, f"after {seconds:.0f} s it does not hold that {what}"
        await asyncio.sleep(0.02)
