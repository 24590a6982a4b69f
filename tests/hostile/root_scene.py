"""A repository of the manager ada with runs at several places, and a team of scripts that tells what it was made to do.

An agent with a shell works in a copy of it. What it can reach is judged by what the authors were asked to write and by
which effects were done, and not by what rows say of it: those are the agent's.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from phasegate.app import App, open_app
from phasegate.authors import Brief, CheckReviewer, Draft, FunctionAuthor, Report, Subject, digests_path
from phasegate.cli.keys import home_of_keys
from phasegate.core import Finding, FixedClock, Severity, canonical
from phasegate.ledger import (
    DecisionKind,
    GateKey,
    GateStatus,
    PrivateKey,
    Revocation,
    Run,
    unlock_key,
    write_key,
)
from phasegate.release import Builder, FolderIndex
from phasegate.sandbox import find_sandbox
from phasegate.workflow import Outcome, branch
from phasegate.workflow.engine import Segments, TeamNodes, build_graph, segments
from unit.authors.sample_spec import FOLDER, files
from unit.cli.repository import NOW, at_home, said

PASSPHRASE = "the agent's own words"
BOT = PrivateKey.generate()
HERS = "correct horse battery"
RUNS = {"r0": "release", "r1": "specify", "r2": "plan", "r3": "release", "r4": "specify", "r5": "specify"}
"""Each run with the phase that it has come to."""
_HERE = {"spec": FOLDER, "name": "free-volumes", "module": "free_volumes", "package": "acme"}
_OBJECTION = Finding(
    check="spec-lint", rule="made-up", severity=Severity.high, path="spec.md", message="it blocks", fix="mend it"
)


@dataclass
class Log:
    """What the team was made to do, as `RUN PHASE WHAT`."""

    done: set[str] = field(default_factory=set)

    def add(self, run: str, phase: str, what: str) -> None:
        """Note something."""
        self.done.add(f"{run} {phase} {what}")


LOG = Log()


def make(top: Path, patch: pytest.MonkeyPatch) -> None:
    """Lay the repository `acme` into a folder, with a home beside it.

    r0 is released; r1, r2 and r3 wait at their first, second and last gate; at r4's first gate ada took an approval
    back; at r5's a finding blocks.
    """
    at_home(top, patch)
    said("init", "acme")
    patch.chdir(top / "acme")
    (top / "passphrase").write_text(f"{HERS}\n")
    (top / "agent").write_text(f"{PASSPHRASE}\n")
    said("manager", "init", "--name", "ada", "--passphrase-file", "../passphrase")
    document = tomlkit.parse(Path("phasegate.toml").read_text())
    document["groups"] = {"board": ["ada"]}
    Path("phasegate.toml").write_text(tomlkit.dumps(document))
    said("trust", "sign", "--manager", "ada", "--passphrase-file", "../passphrase")
    for path, content in files().items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
    for words in (["add", "-A"], ["-c", "user.name=ada", "-c", "user.email=a@example.org", "commit", "-qm", "Begin"]):
        subprocess.run(["git", *words], check=True)
    asyncio.run(_runs(unlock_key(home_of_keys() / "ada.key", HERS)))
    write_key(home_of_keys() / "bot.key", BOT.sealed(PASSPHRASE))
    shutil.copytree(top / "acme/.git/phasegate", top / "old/phasegate", symlinks=True)
    subprocess.run(["git", "gc", "-q"], check=True)


async def _runs(ada: PrivateKey) -> None:
    async with open_app(Path.cwd(), clock=FixedClock(NOW)) as app, team(app) as engine:
        await _brought(app, engine, ada, "r0", len(app.flow.phases))
        for name, gates in (("r3", 4), ("r1", 0), ("r2", 1), ("r4", 0), ("r5", 0)):
            await _brought(app, engine, ada, name, gates)
        gate = await app.ledger.gate(GateKey("r4", "specify", 1))
        assert gate is not None
        await app.decide(gate, DecisionKind.approve, app.person("ada"), ada, digest=gate.digest)
        taken = Revocation(gate=gate.key, by="ada", at=NOW)
        await app.revoke(taken, ada, app.person("ada"))
        await engine.advance("r4")


async def _brought(app: App, engine: Segments, ada: PrivateKey, name: str, gates: int) -> None:
    """Begin a run, and have ada approve its first gates."""
    begun = Run(
        id=name,
        spec=FOLDER,
        flow=app.flow.name,
        branch=branch(name),
        base=app.workspace.head(),
        by="ada",
        started_at=NOW,
    )
    await app.ledger.add_run(begun, (await app.queue.opened()).dispatch, app.keeper.terms(begun))
    await engine.advance(name)
    for _ in range(gates):
        (gate,) = await app.ledger.gates(name, GateStatus.open)
        await app.decide(gate, DecisionKind.approve, app.person("ada"), ada, digest=gate.digest)
        await engine.advance(name)


@asynccontextmanager
async def team(app: App) -> AsyncIterator[Segments]:
    """The engine as a worker has it, with scripts for authors, checks and effects."""
    app.require_known_root()
    await app.queue.opened()
    builder = Builder(await find_sandbox())
    writer = FunctionAuthor(partial(_write, app, builder))
    names = {name for phase in app.flow.phases for name in phase.all_checks}
    judge = CheckReviewer({name: partial(_judge, name) for name in names})
    nodes = TeamNodes(
        flow=app.flow,
        ledger=app.ledger,
        workspace=app.workspace,
        authors={name: writer for name in app.team.cards},
        reviewers=dict.fromkeys(app.flow.roles, judge),
        checks=judge,
        effect_bodies={name: partial(_do, app, builder, name) for phase in app.flow.phases for name in phase.effects},
        gatekeeper=app.keeper,
        run_files=app.folder,
    )
    async with segments(app.database, partial(build_graph, app.flow, nodes), app.keeper) as parts:
        yield parts


async def _write(app: App, builder: Builder, brief: Brief) -> Draft:
    LOG.add(brief.facts.run, brief.phase, "draft")
    if brief.item == "spec":
        return Draft(files=dict(brief.handed_in), message=brief.item)
    row = next(a for a in app.flow.phase(brief.phase).authors if a.item == brief.item)
    if brief.phase == "release":
        tip = app.workspace.tree(app.workspace.tip(branch(brief.facts.run)))
        built = await builder.build(tip, at=brief.facts.midnight)
        path = digests_path(built.project.version)
        return Draft(files={path: canonical(built.digests)}, message="release")
    place = row.artifacts[0].format(**_HERE).replace("*", "001")
    return Draft(files={place: f"{brief.phase} {brief.item}\n".encode()}, message=brief.item)


async def _judge(name: str, subject: Subject) -> Report:
    blocks = name == "spec-lint" and subject.facts.run == "r5"
    return Report(evidence=f"{len(subject.files)} files", findings=(_OBJECTION,) if blocks else ())


async def _do(app: App, builder: Builder, name: str, outcome: Outcome) -> dict[str, Any]:
    LOG.add(outcome.facts.run, "effect", name)
    if name != "publish":
        return {}
    built = await builder.build(outcome.files, at=outcome.facts.midnight)
    receipt = await FolderIndex(app.folder.index).publish(built.files)
    return {"version": receipt.version, "files": {file.name: file.sha256 for file in receipt.files}}
