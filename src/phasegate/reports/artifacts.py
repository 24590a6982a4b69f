"""The files of a run, as its branch or one of its gates has them."""

from dataclasses import dataclass

from phasegate.app.app import App
from phasegate.core import UsageError
from phasegate.ledger import GateRecord, Run
from phasegate.workspace.repository import Tree


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """The files of one tree of a run."""

    commit: str
    tree: Tree
    changed: tuple[str, ...]
    """Paths that the run made or changed since it began, in order."""

    def read(self, path: str) -> bytes:
        """A file of the tree, one that the run did not touch too.

        Raises:
            UsageError: the tree has no such file.
        """
        if path not in set(self.tree):
            raise UsageError(f"the tree has no file '{path}'", fix="name one that list_artifacts lists")
        return self.tree[path]


def artifacts(app: App, run: Run, gate: GateRecord | None = None) -> Artifacts:
    """The tree that a gate is about, or the last that the run committed."""
    commit = gate.commit if gate else app.workspace.tip(run.branch) or run.base
    before = set(app.workspace.listing(run.base))
    changed = sorted(path for mode, path, id in app.workspace.listing(commit) if (mode, path, id) not in before)
    return Artifacts(commit=commit, tree=app.workspace.tree(commit), changed=tuple(changed))


async def gate_of(app: App, run: Run, name: str = "") -> GateRecord | None:
    """Return the gate `PHASE/ATTEMPT` of the run, or without a name its last, or None where it has none yet.

    Raises:
        UsageError: there is no gate of that name.
    """
    gates = await app.ledger.gates(run.id)
    if not name:
        return gates[-1] if gates else None
    for gate in gates:
        if f"{gate.key.phase}/{gate.key.attempt}" == name:
            return gate
    raise UsageError(f"run '{run.id}' has no gate '{name}'", fix="get_run lists its gates")
