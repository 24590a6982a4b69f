"""The tree that a gate's difference is shown against."""

from collections.abc import Mapping
from dataclasses import dataclass

from phasegate.app.app import App
from phasegate.ledger import GateHistory, GateRecord


@dataclass(frozen=True, kw_only=True)
class Approved:
    """Files that a person approved before, and a phrase for what was approved."""

    files: Mapping[str, bytes]
    says: str
    """Completes "Changes …": `since the last approval`."""


async def approved_before(app: App, dossier: GateHistory, gate: GateRecord) -> Approved:
    """Return what a person approved before the gate.

    After the first gate that is the tree of the gate before. At the first gate nobody has approved anything of this
    run, and a spec that was merely committed is not approved by that: its folder counts as approved only as far as
    an earlier run of it was released. Otherwise whoever approves would sign lines that were never on the screen.
    """
    files = app.workspace.tree(gate.since)
    if gate.key.phase != app.flow.phase_ids[0]:
        return Approved(files=files, says="since the last approval")
    folder = f"{dossier.run.spec}/"
    rest = {path: files[path] for path in files if not path.startswith(folder)}
    released = await app.ledger.last_released(dossier.run.spec)
    if released is None:
        return Approved(files=rest, says="to approve for the first time, shown whole")
    last = app.workspace.tree((await app.ledger.gates(released.id))[-1].commit)
    spec = {path: last[path] for path in last if path.startswith(folder)}
    return Approved(files={**rest, **spec}, says=f"since run {released.id} was released")
