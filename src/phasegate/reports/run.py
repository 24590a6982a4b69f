"""Runs as reports: one in a list, and one with everything that happened in it."""

import json
from typing import Any, Self

from phasegate import ledger
from phasegate.app.app import App
from phasegate.core.report import Report, Timestamp
from phasegate.ledger import GateStatus, RunStatus
from phasegate.reports.artifacts import Output, made
from phasegate.reports.external_links import ExternalLink, ManualChange, by_hand, outside
from phasegate.reports.progress import PhaseProgress, progress
from phasegate.reports.spend import By, CallUnderWay, SpendReport, spend_of, under_way
from phasegate.reports.warnings import has_worker
from phasegate.tool_access.requests import ToolRequest, waits


class Run(Report):
    """A run in a list."""

    id: str
    spec: str
    """The spec's folder, from the top of the repository."""
    flow: str
    branch: str
    base: str
    """The commit that the run began from."""
    policy: str
    """The gate policy that may decide in a person's place; empty: none."""
    by: str
    """Who started the run."""
    status: RunStatus
    note: str
    """Why the run is parked."""
    segments: int
    """Number of segments dispatched."""
    started_at: Timestamp
    unattended: bool
    """Whether the run would work if a worker lived."""

    @classmethod
    def of(cls, run: ledger.Run, *, attended: bool, **more: Any) -> Self:
        """Return the report of a run.

        Args:
            run: as the ledger has it.
            attended: whether a worker lives.
            more: the fields that a subclass adds.
        """
        unattended = run.status is RunStatus.working and not attended
        return cls.model_validate({**vars(run), "unattended": unattended, **more})


class GateOfRun(Report):
    """A gate that a run came to."""

    gate: str
    """`PHASE/ATTEMPT`."""
    status: GateStatus
    digest: str


class WholeRun(Run):
    """A run with its phases and gates, its outputs, and the places where it is announced."""

    phases: tuple[PhaseProgress, ...]
    gates: tuple[GateOfRun, ...]
    tools: tuple[ToolRequest, ...]
    """Tools that the run could not call and that wait for a manager's grant."""
    artifacts: tuple[Output, ...]
    """Outputs of the phases that were passed, and of the effects."""
    outside: tuple[ExternalLink, ...]
    """Tickets, pages and cards of the run, and deliveries that failed."""
    by_hand: tuple[ManualChange, ...]
    """Changes that people made to the run's ticket."""
    spend: SpendReport
    """What its model calls used, by role."""
    writing: tuple[CallUnderWay, ...]
    """Its calls of models whose replies are being written."""


class Event(Report):
    """An event of a run."""

    seq: int
    key: str
    """`kind` or `kind:phase/attempt/round/…`."""
    at: Timestamp
    body: dict[str, Any]
    digest: str
    """SHA-256 of the signed payload; the next event holds it."""

    @classmethod
    def of(cls, entry: ledger.Entry) -> Self:
        """Return the report of an event."""
        return cls(
            seq=entry.seq,
            key=entry.key,
            at=entry.at,
            body=json.loads(entry.event.body),
            digest=entry.digest.hex(),
        )


def newest_first(run: ledger.Run) -> tuple[int | str, ...]:
    """Return the key by which a list of runs is sorted and paged."""
    return -int(run.started_at.timestamp()), run.id


async def whole_run(app: App, run: ledger.Run) -> WholeRun:
    """Return a run with everything that a face shows of it."""
    events = await app.ledger.events(run.id)
    return WholeRun.of(
        run,
        attended=await has_worker(app),
        phases=progress(app.flow, events),
        gates=[
            GateOfRun(gate=f"{gate.key.phase}/{gate.key.attempt}", status=gate.status, digest=gate.digest)
            for gate in await app.ledger.gates(run.id)
        ],
        tools=[asked for wait in await waits(app, run.id) for asked in wait.tools],
        artifacts=await made(app, run, events),
        outside=await outside(app, run.id, events),
        by_hand=by_hand(events),
        spend=await spend_of(app, run.id, (By.role,)),
        writing=await under_way(app.database, run.id) if run.status is RunStatus.working else (),
    )
