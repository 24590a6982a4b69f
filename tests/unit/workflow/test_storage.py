"""Storage that takes no writes, at every write of a run: the run goes on by itself, to what it would have been."""

import errno
import logging
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.ledger import PrivateKey, RunStatus
from phasegate.workflow import Outcome, branch
from phasegate.workflow.engine.guarding import Trouble, parked, patiently
from phasegate.workspace import Signature, Workspace
from unit.ledger.chain_check import first_break
from unit.workflow.fixtures import Team, engine, flow, phase

KEY, SYSTEM = (PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2))


@dataclass
class Disk:
    """Refuses one write, the n-th, and counts them."""

    at: int
    error: str
    writes: int = 0
    effects: int = 0

    def __call__(self, _: Any = None) -> None:
        self.writes += 1
        if self.writes == self.at:
            raise _error(self.error)


def _error(kind: str) -> Exception:
    if kind == "disk":
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    error = sqlite3.OperationalError({"full": "database or disk is full", "io": "disk I/O error"}[kind])
    error.sqlite_errorcode = {"full": sqlite3.SQLITE_FULL, "io": sqlite3.SQLITE_IOERR}[kind]
    return error


def _git(disk: Disk) -> type[Workspace]:
    class Refusing(Workspace):
        def commit(
            self,
            parents: Sequence[str],
            files: Mapping[str, bytes | None],
            *,
            author: Signature,
            when: datetime,
            message: str,
        ) -> str:
            disk()
            made = super().commit(parents, files, author=author, when=when, message=message)
            disk()
            return made

        def join(self, base: str, drafts: Sequence[str], *, author: Signature, when: datetime, message: str) -> str:
            disk()
            return super().join(base, drafts, author=author, when=when, message=message)

        def point(self, branch: str, commit: str) -> None:
            disk()
            super().point(branch, commit)
            disk()

    return Refusing


def _team(folder: Path, disk: Disk) -> Team:
    async def shake(outcome: Outcome) -> dict[str, Any]:
        disk()
        disk.effects += 1
        return {"tree": len(outcome.files)}

    rows = [{"role": "writer", "item": item, "artifacts": ["*"]} for item in ("text", "picture")]
    table = flow(phase("first", authors=rows), phase("second", effects=["shake"]))
    return Team(folder, flow=table, effects={"shake": shake}, key=KEY, system=SYSTEM)


async def _through(folder: Path, disk: Disk) -> tuple[RunStatus, str, list[str]]:
    """A run from its start to its end: how it ended, its tree, and what happened."""
    team = _team(folder, disk)
    async with engine(team) as d:
        await d.start("demo")
    disk.writes = 0
    async with engine(replace(team, git=_git(disk)), disk) as d:
        advance, park = partial(d.segments.advance, "r1"), partial(parked, d.ledger, "r1")
        status = await patiently(advance, park, Trouble(), pauses=lambda: iter([0.0] * 9))
        events = await d.ledger.events("r1")
        assert first_break(events, d.ledger.key) == 0
        return status, d.workspace.tree_id(d.workspace.tip(branch("r1"))), sorted(event.key for event in events)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("error", ["full", "io", "disk"])
async def test_one_write_that_fails_at_any_place_leaves_the_run_as_it_would_have_been(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    caplog.set_level(logging.CRITICAL, logger="phasegate")
    calm = Disk(0, error)
    wanted = await _through(tmp_path / "calm", calm)
    assert wanted[0] is RunStatus.released
    assert calm.writes > 30
    for number in range(1, calm.writes + 1):
        disk = Disk(number, error)
        assert await _through(tmp_path / str(number), disk) == wanted, number
        assert disk.effects <= 2
