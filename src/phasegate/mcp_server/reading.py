"""Reads of runs that tools and resources share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from phasegate import ledger
from phasegate.app.app import App
from phasegate.core import UsageError, worst_first
from phasegate.core.paging import page_of
from phasegate.ledger import GateRecord, GateStatus
from phasegate.mcp_server import results
from phasegate.reports.artifacts import artifacts, gate_of
from phasegate.reports.findings import reported
from phasegate.reports.gate import view_gate
from phasegate.reports.inbox import Inbox, oldest_first
from phasegate.reports.run import Run, WholeRun, newest_first, whole_run
from phasegate.reports.spend import By, SpendReport, spend_of
from phasegate.reports.trace import report, trace_of
from phasegate.reports.warnings import has_worker
from phasegate.tools.texts import clean

LONGEST = 30_000
"""Characters of a file that are shown at once."""
_MADE = 200
_KINDS = ("nodes", "links", "gaps", "requirements")


@dataclass(frozen=True)
class Reading:
    """Reads the runs of one repository."""

    app: App

    async def found(self, id: str) -> ledger.Run:
        """The run of exactly that id.

        Raises:
            UsageError: there is none.
        """
        run = await self.app.ledger.run(id)
        if run.id != id:
            raise UsageError(f"there is no run '{id}'", fix="list_runs lists them")
        return run

    async def runs(self, limit: int, cursor: str) -> results.RunPage:
        """Runs, the newest first."""
        shown, following = page_of(await self.app.ledger.runs(), newest_first, cursor, limit)
        lives = await has_worker(self.app)
        rows = [Run.of(run, attended=lives) for run in shown]
        return results.RunPage.of(runs=rows, next_cursor=following or "")

    async def gates(self, limit: int, cursor: str) -> results.GatePage:
        """Gates that wait, the oldest first."""
        inbox = Inbox(keeper=self.app.keeper, cards=self.app.team.cards, database=self.app.database)
        found = sorted(await self.app.ledger.gates(status=GateStatus.open), key=oldest_first)
        shown, following = page_of(found, oldest_first, cursor, limit)
        rows = [(await inbox.look(gate)).report() for gate in shown]
        return results.GatePage.of(gates=rows, next_cursor=following or "")

    async def run(self, id: str) -> WholeRun:
        """Return a run with its phases and gates, and with 200 of its artifacts at most."""
        whole = await whole_run(self.app, await self.found(id))
        return results.shown(whole.model_copy(update={"artifacts": whole.artifacts[:_MADE]}))

    async def artifacts(self, id: str, gate: str, limit: int, cursor: str) -> results.ArtifactPage:
        """Files that the run made or changed."""
        run = await self.found(id)
        found = artifacts(self.app, run, await self._gate(run, gate))
        shown, following = page_of(found.changed, lambda path: (path,), cursor, limit)
        rows = [{"path": path, "bytes": len(found.tree[path])} for path in shown]
        return results.ArtifactPage.of(run=run.id, commit=found.commit, artifacts=rows, next_cursor=following or "")

    async def artifact(self, id: str, path: str, gate: str = "", offset: int = 0) -> results.Part:
        """Return a part of a file, or a note for a file that is not text."""
        run = await self.found(id)
        found = artifacts(self.app, run, await self._gate(run, gate))
        text = _text(found.read(path))
        end = offset + LONGEST
        return results.Part(
            run=run.id,
            commit=found.commit,
            path=clean(path),
            text=text[offset:end],
            offset=offset,
            characters=len(text),
            next_offset=end if end < len(text) else 0,
        )

    async def findings(self, id: str, gate: str, limit: int, cursor: str) -> results.FindingPage:
        """Findings at a gate, the worst first."""
        run = await self.found(id)
        record = await gate_of(self.app, run, gate)
        found = worst_first((await view_gate(self.app, record)).findings) if record else []
        shown, following = page_of(list(enumerate(reported(found))), lambda row: (row[0],), cursor, limit)
        name = f"{record.key.phase}/{record.key.attempt}" if record else ""
        return results.FindingPage.of(
            run=run.id, gate=name, findings=[row for _, row in shown], next_cursor=following or ""
        )

    async def trace(self, id: str, limit: int, cursor: str) -> results.TracePage:
        """A part of the run's trace."""
        run = await self.found(id)
        whole = report(await trace_of(self.app, run))
        rows = list(enumerate((kind, row) for kind in _KINDS for row in getattr(whole, kind)))
        shown, following = page_of(rows, lambda row: (row[0],), cursor, limit)
        kinds = {kind: [row for _, (name, row) in shown if name == kind] for kind in _KINDS}
        return results.TracePage.of(run=whole.run, spec=whole.spec, next_cursor=following or "", **kinds)

    async def spend(self, id: str, by: Sequence[By], since: date | None = None) -> SpendReport:
        """Return what model calls used, of one run or where its id is empty of all."""
        return results.shown(await spend_of(self.app, (await self.found(id)).id if id else "", by, since))

    async def _gate(self, run: ledger.Run, name: str) -> GateRecord | None:
        return await gate_of(self.app, run, name) if name else None


def _text(content: bytes) -> str:
    try:
        return clean(content.decode())
    except UnicodeDecodeError:
        return f"({len(content):,} bytes that are not text)"
