"""Verification of a release: every claim checked again from the bytes."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from phasegate.app.app import App
from phasegate.authors import digests_path
from phasegate.core import InvalidInput, Parked, Refused, digest
from phasegate.core.report import Report
from phasegate.ledger import Claim, GateRecord, Run, RunStatus
from phasegate.release import FolderIndex, read_project, verify_wheel
from phasegate.reports.bundle import earlier, proved, released_gate
from phasegate.reports.trust import trust_lines
from phasegate.trust import Standing

WHOLE = "the events are whole, in order and signed"


class ClaimReport(Report):
    """A claim and whether it holds."""

    text: str
    holds: bool
    detail: str
    """What was compared, or what is wrong."""


class Verification(Report):
    """Every claim of one run, bundle or backup."""

    of: str
    """Name of the run, bundle or backup, as it was given."""
    claims: tuple[ClaimReport, ...]


def verification(of: str, claims: Sequence[Claim]) -> Verification:
    """Return the report of claims that were checked."""
    return Verification(of=of, claims=tuple(map(ClaimReport.model_validate, claims)))


async def verify_run(app: App, run: Run) -> list[Claim]:
    """Re-checks a released run: its bundle, the repository, and what lies in the index.

    Raises:
        Parked: the run has not been released.
    """
    if run.status is not RunStatus.released:
        raise Parked(
            f"run '{run.id}' is {run.status}, not released", fix=f"see where it is: 'phasegate status {run.id}'"
        )
    try:
        told = await app.ledger.events(run.id)
    except Refused as error:
        return [Claim(text=WHOLE, holds=False, detail=str(error))]
    if not told:
        return [Claim(text=WHOLE, holds=False, detail="there are no events")]
    return [claim async for claim in _claims(app, run)]


async def _claims(app: App, run: Run) -> AsyncIterator[Claim]:
    yield _root(app, run)
    for claim in await proved(app, run):
        yield claim
    wrong = await app.ledger.broken(run.id)
    yield Claim(text="the rows are those that the events tell of", holds=not wrong, detail=wrong)
    yield await _kept(app, run)
    gate = await released_gate(app, run)
    if gate:
        async for claim in earlier(app, run, gate):
            yield claim
        for claim in _shipped(app, gate):
            yield claim
        yield await _alone(app, gate)


def _root(app: App, run: Run) -> Claim:
    """Return whether the root here is the known one, with what waits beside it and has no effect."""
    trust = app.trust.read()
    held = trust.standing is Standing.held
    text = f"the root of trust is the one that is known here: {trust.chain.fingerprint or 'none'}"
    return Claim(text=text, holds=held, detail="; ".join(trust_lines(app)) or f"version {len(trust.digests)}")


async def _kept(app: App, run: Run) -> Claim:
    """The rows of the gates are not in the bundle: a page shows them, so they are held against the repository."""
    wrong = [str(g.key) for g in await app.ledger.gates(run.id) if _tree(app, g.commit) != g.tree]
    return Claim(text="each gate's commit has the gate's tree", holds=not wrong, detail=", ".join(wrong))


def _tree(app: App, commit: str) -> str:
    try:
        return app.workspace.tree_id(commit)
    except (InvalidInput, KeyError, ValueError) as error:
        return str(error)


def _shipped(app: App, gate: GateRecord) -> list[Claim]:
    tree = app.workspace.tree(gate.commit)
    project = read_project(tree)
    folder = app.folder.index / project.folder
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
    held = await FolderIndex(app.folder.index).read(project.name, project.version)
    others = sorted({file.name for file in held.files} - set(approved)) if held else []
    return Claim(
        text="the index holds nothing else of this version",
        holds=not others,
        detail=", ".join(others) or f"{len(approved)} files",
    )


def _bytes(file: Path, sha256: str) -> Claim:
    found = digest(file.read_bytes()) if file.is_file() else "missing"
    return Claim(text=f"{file.name} is the one that was approved", holds=found == sha256, detail=f"sha256 {found[:16]}")
