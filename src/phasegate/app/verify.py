"""Whether what was released is what was approved: every claim re-checked from the bytes, none taken from memory."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from phasegate.app.app import App
from phasegate.authors import digests_path
from phasegate.core import Parked, digest
from phasegate.ledger import Decision, Event, GateRecord, Run, RunStatus, first_break
from phasegate.release import FolderIndex, read_project, verify_wheel
from phasegate.workflow.gatekeeper import objection


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One thing that a release promises."""

    text: str
    holds: bool
    detail: str = ""
    """What was compared, or what is wrong."""


async def verify(app: App, run: Run) -> list[Claim]:
    """Re-checks a released run.

    Raises:
        Parked: the run has not been released.
    """
    if run.status is not RunStatus.released:
        raise Parked(
            f"run '{run.id}' is {run.status}, not released", fix=f"see where it is: 'phasegate status {run.id}'"
        )
    return [claim async for claim in _claims(app, run)]


async def _claims(app: App, run: Run) -> AsyncIterator[Claim]:
    events = await app.ledger.events(run.id)
    broken = first_break(events)
    yield Claim(
        text="the events are whole and in order",
        holds=not broken,
        detail=f"event {broken} does not follow from the one before" if broken else f"{len(events)} events",
    )
    passed = await _passed(app, run)
    for phase in app.flow.phase_ids:
        yield _gate_claim(app, phase, passed.get(phase))
    if app.flow.phase_ids[-1] in passed:
        gate, _ = passed[app.flow.phase_ids[-1]]
        yield _tested(events, gate)
        for claim in _shipped(app, gate):
            yield claim
        yield await _alone(app, gate)


async def _passed(app: App, run: Run) -> dict[str, tuple[GateRecord, Decision]]:
    found = {}
    for gate in await app.ledger.gates(run.id):
        decision = await app.ledger.decision(gate.key)
        if decision and decision.statement.kind.passes:
            found[gate.key.phase] = gate, decision
    return found


def _gate_claim(app: App, phase: str, passed: tuple[GateRecord, Decision] | None) -> Claim:
    if passed is None:
        return Claim(text=f"gate '{phase}' was passed", holds=False, detail="nobody passed it")
    gate, decision = passed
    statement = decision.statement
    wrong = objection(statement, decision.key_id, decision.signature, app.keeper.keys(app.flow.phase(phase)))
    if not wrong and statement.digest != gate.digest:
        wrong = "the decision names another digest"
    if not wrong and app.workspace.tree_id(gate.commit) != gate.tree:
        wrong = "the commit has another tree"
    return Claim(
        text=f"gate '{phase}' was passed by {statement.by}", holds=not wrong, detail=wrong or f"tree {gate.tree[:12]}"
    )


def _tested(events: list[Event], gate: GateRecord) -> Claim:
    place = f"{gate.key.phase}/{gate.key.attempt}/"
    reports = [e for e in events if e.key.startswith(f"check:{place}") and e.place[-1] == "tests-pass"]
    holds = bool(reports) and not reports[-1].body.get("findings")
    detail = "; ".join(reports[-1].body.get("evidence", [])) if reports else "no test run is on record"
    return Claim(text="the tests passed for the released tree", holds=holds, detail=detail)


def _shipped(app: App, gate: GateRecord) -> list[Claim]:
    tree = app.workspace.tree(gate.commit)
    project = read_project(tree)
    folder = app.folder.path / app.config.index.path / project.folder
    approved = json.loads(tree.get(digests_path(project.version), b"{}"))
    claims = [_bytes(folder / name, sha256) for name, sha256 in sorted(approved.items())]
    wheel = folder / project.wheel_name
    if not wheel.is_file():
        return [*claims, Claim(text="the wheel is in the index", holds=False, detail=str(wheel))]
    wrong = [finding for finding in verify_wheel(wheel.read_bytes(), tree) if finding.blocking]
    return [
        *claims,
        Claim(
            text="every file of the wheel comes from the approved tree",
            holds=not wrong,
            detail="; ".join(finding.message for finding in wrong) or project.wheel_name,
        ),
    ]


async def _alone(app: App, gate: GateRecord) -> Claim:
    tree = app.workspace.tree(gate.commit)
    project = read_project(tree)
    approved = json.loads(tree.get(digests_path(project.version), b"{}"))
    held = await FolderIndex(app.folder.path / app.config.index.path).read(project.name, project.version)
    others = sorted({file.name for file in held.files} - set(approved)) if held else []
    return Claim(
        text="the index holds nothing else of this version",
        holds=not others,
        detail=", ".join(others) or f"{len(approved)} files",
    )


def _bytes(file: Path, sha256: str) -> Claim:
    found = digest(file.read_bytes()) if file.is_file() else "missing"
    return Claim(text=f"{file.name} is the one that was approved", holds=found == sha256, detail=f"sha256 {found[:16]}")
