"""A small house that releases: scripted authors, an index that takes each version once, and runs of several specs."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from phasegate.authors import Brief, Deliverable, Draft, Facts
from phasegate.authors.kinds import RUNBOOK
from phasegate.core import FixedClock, Refused
from phasegate.ledger import DecisionKind, GateStatus, RunStatus
from phasegate.workflow import Outcome
from unit.workflow.fixtures import NOW, Engine, Team, flow, phase

PYPROJECT = "pyproject.toml"


def pyproject(version: str) -> bytes:
    return f'[project]\nname = "acme"\nversion = "{version}"\n'.encode()


def version_in(files: Mapping[str, bytes]) -> str:
    return files[PYPROJECT].decode().split('"')[3]


@dataclass
class Index:
    """What was published, by version: the files of each release's tree."""

    held: dict[str, dict[str, bytes]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)
    """What publishing raises, once, by run."""

    async def publish(self, outcome: Outcome) -> dict[str, Any]:
        if failure := self.failures.pop(outcome.facts.run, None):
            raise failure
        version, files = version_in(outcome.files), dict(outcome.files)
        if self.held.setdefault(version, files) != files:
            raise Refused(f"the index holds {version} with other bytes", reason="index_conflict")
        self.order.append(version)
        return {"version": version}


@dataclass
class ReleaseFiles:
    """Each run has a spec of its own, or that which `specs` names; a spec's text is that of its run."""

    index: Index
    specs: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def spec(self, run_id: str) -> str:
        return self.specs.get(run_id, f"specs/001-{run_id}")

    async def facts(self, run_id: str) -> Facts:
        return Facts(run=run_id, spec=self.spec(run_id), project="acme", package="acme", started_at=NOW)

    async def handed_in(self, run_id: str, attempt: int) -> Mapping[str, bytes]:
        return {f"{self.spec(run_id)}/spec.md": self.texts.get(run_id, self.spec(run_id)).encode()}

    async def kind(self, run_id: str) -> Deliverable:
        return RUNBOOK

    async def versions(self) -> frozenset[str]:
        return frozenset(self.index.held)


async def author(brief: Brief) -> Draft:
    """Code from the spec; a release from what came before."""
    facts, answers = brief.facts, tuple("done" for _ in brief.comments)
    if brief.item == "code":
        path = f"src/acme/{facts.module}.py"
        text = brief.handed_in.get(f"{facts.spec}/spec.md") or brief.files[path]
        return Draft(files={**brief.handed_in, path: text}, message="code", answers=answers)
    minor = int(version_in(brief.base).split(".")[1]) + 1
    while f"0.{minor}.0" in brief.taken:
        minor += 1
    log = brief.base.get("CHANGELOG.md", b"").decode()
    files = {PYPROJECT: pyproject(f"0.{minor}.0"), "CHANGELOG.md": f"{log}0.{minor}.0: {facts.name}\n".encode()}
    return Draft(files=files, message="release", answers=answers)


def table() -> Any:
    code = {"role": "writer", "item": "code", "artifacts": ["{spec}/*", "src/{package}/{module}.py"]}
    release = {"role": "writer", "item": "release", "artifacts": [PYPROJECT, "CHANGELOG.md"]}
    return flow(phase("build", authors=[code]), phase("release", authors=[release], effects=["publish"]))


@dataclass
class Releasing:
    """A team that releases, and its index."""

    folder: Path
    index: Index = field(default_factory=Index)

    def __post_init__(self) -> None:
        self.facing = ReleaseFiles(self.index)
        self.clock = FixedClock(NOW)
        self.team = Team(
            self.folder,
            flow=table(),
            author=author,
            effects={"publish": self.index.publish},
            run_files=self.facing,
            files={PYPROJECT: pyproject("0.0.0"), "README.md": b"# Ours\n"},
            clock=self.clock,
        )

    def copied(self, folder: Path) -> "Releasing":
        """What is here, in another folder; nobody may have it open meanwhile."""
        shutil.copytree(self.folder, folder, symlinks=True)
        other = Releasing(folder, Index(dict(self.index.held), list(self.index.order)))
        other.clock.move(self.clock.now())
        other.team.key, other.team.system = self.team.key, self.team.system
        return other

    async def start(self, d: Engine, run: str, policy: str = "") -> str:
        await d.start(policy, run, spec=self.facing.spec(run))
        self.clock.move(self.clock.now() + timedelta(seconds=1))
        return run


async def approve(d: Engine, run: str, kind: DecisionKind = DecisionKind.approve) -> str:
    """Decides at the run's open gate; which that was."""
    (gate,) = await d.ledger.gates(run, GateStatus.open)
    await d.decide(kind, gate)
    return f"{gate.key.phase}/{gate.key.attempt}"


async def to_release(d: Engine, run: str) -> None:
    """Takes the run to its first release gate."""
    assert await d.segments.advance(run) is RunStatus.waiting
    assert await approve(d, run) == "build/1"
    assert await d.segments.advance(run) is RunStatus.waiting
