"""Deciders of one process, who all want another decision at the same gate at the same moment."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from multiprocessing.synchronize import Barrier
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.core import Refused
from phasegate.ledger import DecisionKind, GateKey, GateRecord, PrivateKey
from phasegate.workflow import Manager
from phasegate.workflow.state import RunState
from unit.workflow.fixtures import Engine, Team, engine

KEY, SYSTEM = (PrivateKey(Ed25519PrivateKey.from_private_bytes(letter * 32)) for letter in (b"k", b"s"))
DECIDERS = 4
"""In each process."""


def race(folder: Path, name: str, gates: int, start: Barrier) -> list[str]:
    """What each decider was told at each gate, `won` or the reason of the refusal, separated by spaces."""
    return asyncio.run(_race(folder, name, gates, start))


def racers(folder: Path) -> Team:
    """A team with a manager for every decider."""
    names = [f"{process}{number}" for process in "ab" for number in range(DECIDERS)]
    others = {name: Manager(name=name, card="manager", public_key=KEY.public) for name in names}
    return Team(folder, key=KEY, system=SYSTEM, others=others)


def key_of(number: int) -> GateKey:
    """The gate of a run that only waits."""
    return GateKey(f"r{number:04}", "first", 1)


async def _race(folder: Path, name: str, gates: int, start: Barrier) -> list[str]:
    async with AsyncExitStack() as stack:
        desks = [await stack.enter_async_context(engine(racers(folder))) for _ in range(2)]
        deciders = [(desks[number % 2], f"{name}{number}") for number in range(DECIDERS)]
        told = []
        for number in range(gates):
            gate = await desks[0].ledger.gate(key_of(number))
            assert gate
            await asyncio.to_thread(start.wait)
            told.append(" ".join(await _all(deciders, gate)))
        return told


async def _all(deciders: Sequence[tuple[Engine, str]], gate: GateRecord) -> list[str]:
    return await asyncio.gather(*(_decide(d, gate, remark) for d, remark in deciders))


async def _decide(d: Engine, gate: GateRecord, remark: str) -> str:
    try:
        await d.decide(DecisionKind.request_changes, gate, remark, by=remark)
    except Refused as refused:
        return refused.reason
    return f"won:{remark}"


async def open_gates(d: Engine, gates: int) -> None:
    """Runs that wait at their first gate."""
    head, first = d.workspace.head(), d.team.flow.phases[0]
    for number in range(gates):
        run = await d.start("", key_of(number).run)
        await d.keeper.open(RunState(run=run, commit=head, since=head, attempt=1), first)
