"""Outputs of a run, and where each of them is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from phasegate.app.app import App
from phasegate.core.report import Report
from phasegate.ledger import Entry, GateRecord, Run, of_kind
from phasegate.ledger.events import EffectDone

_RECEIPTS = {"publish": "wheel", "install": "environment", "smoke": "report"}


class Output(Report):
    """A file or folder."""

    by: str
    """The phase, or the effect, that made it."""
    path: str
    """From the top of the repository."""


async def made(app: App, run: Run, events: Sequence[Entry]) -> list[Output]:
    """The files of each phase that was passed, then what the effects left."""
    gates: dict[str, GateRecord] = {}
    for gate in await app.ledger.gates(run.id):
        decision = await app.ledger.decision(gate.key)
        if decision and decision.statement.kind.passes:
            gates[gate.key.phase] = gate
    files = [
        Output(by=phase, path=path)
        for phase, gate in sorted(gates.items(), key=lambda item: app.flow.phase_ids.index(item[0]))
        for path in _changed(app.workspace.tree(gate.since), app.workspace.tree(gate.commit))
    ]
    return [*files, *_left(receipts(events))]


def receipts(events: Iterable[Entry]) -> dict[str, Mapping[str, Any]]:
    """Return the receipt of each effect that was done."""
    return {done.effect: done.receipt for done in of_kind(events, EffectDone)}


def _left(found_by: Mapping[str, Mapping[str, Any]]) -> list[Output]:
    found = {name: found_by.get(name, {}).get(key) for name, key in _RECEIPTS.items()}
    return [Output(by=name, path=str(path)) for name, path in found.items() if path]


def _changed(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[str]:
    return sorted(path for path in new if old.get(path) != new[path])
