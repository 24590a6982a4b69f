"""The files of a run: of its branch, of one of its gates, what its phases and effects left, and lines of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phasegate.app.app import App
from phasegate.core import UsageError
from phasegate.core.report import Report
from phasegate.ledger import Comment, Entry, GateRecord, Run, of_kind
from phasegate.ledger.events import EffectDone
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


def anchored(app: App, commit: str, path: str, line: int, text: str) -> Comment:
    """A comment at a line.

    Raises:
        UsageError: the gate's tree has no such file or line.
    """
    content = app.workspace.tree(commit).get(path)
    lines = 0 if content is None else len(content.splitlines())
    if not 1 <= line <= lines:
        has = f"has {lines} lines" if lines else "is not in this gate's tree"
        raise UsageError(f"comment '{path}:{line}': that file {has}", fix="name a line that 'phasegate gate' shows")
    return Comment(text=text, path=path, line=line)


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
        if decision and decision.passes:
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
