"""A run's bundle, put together from ledger and repository."""

from phasegate.app.app import App
from phasegate.authors import digests_path
from phasegate.ledger import GateRecord, Run
from phasegate.ledger.signing.bundle import File, write_bundle
from phasegate.release import read_project


async def bundle(app: App, run: Run) -> bytes:
    """Return the proof of a run: its ledger, and the tree that was approved last."""
    gate = await released_gate(app, run)
    files = [File(*entry) for entry in app.workspace.listing(gate.commit)] if gate else []
    return write_bundle(
        run,
        await app.ledger.events(run.id),
        await app.ledger.decisions(run.id),
        tree=gate.tree if gate else "",
        files=files,
        built=_built(app, gate) if gate else ("", b""),
        system=app.keeper.system,
    )


async def released_gate(app: App, run: Run) -> GateRecord | None:
    """The last phase's gate, where it was passed."""
    found = None
    for gate in await app.ledger.gates(run.id):
        decision = await app.ledger.decision(gate.key)
        if gate.key.phase == app.flow.phase_ids[-1] and decision and decision.statement.kind.passes:
            found = gate
    return found


def _built(app: App, gate: GateRecord) -> tuple[str, bytes]:
    tree = app.workspace.tree(gate.commit)
    path = digests_path(read_project(tree).version)
    return (path, tree[path]) if path in tree else ("", b"")
