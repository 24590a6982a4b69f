"""A trace: reads what it is made of, the one part of it that opens anything, and puts it together."""

import asyncio
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace

from phasegate.app.app import App
from phasegate.app.working_copy import WorkingCopy
from phasegate.authors import Facts
from phasegate.ledger import Decision, Entry, GateRecord, Run
from phasegate.reports.artifacts import receipts
from phasegate.reports.trace.gaps import gaps
from phasegate.reports.trace.model import Link, Node, TraceGraph
from phasegate.reports.trace.of_run import of_run
from phasegate.reports.trace.of_tree import of_spec, of_tree
from phasegate.reports.trace.record import GateVisit, Record, in_order


def trace(record: Record) -> TraceGraph:
    """Everything that can be said of the run: what names what, in its files, events and decisions.

    A link to something that is not there is left out; that it is missing is among the gaps.
    """
    parts = [of_spec(record), of_tree(record), of_run(record)]
    nodes: dict[str, Node] = {}
    for node in (node for part in parts for node in part.nodes):
        known = nodes.get(node.id)
        nodes[node.id] = node if known is None or known.state == "planned" else known
    links = dict[tuple[str, str, str], Link]()
    for link in (link for part in parts for link in part.links):
        if link.source in nodes and link.target in nodes:
            links.setdefault((link.source, link.target, link.says), link)
    whole = TraceGraph(
        spec=record.facts.spec,
        run=record.run.id if record.run else "",
        nodes=nodes,
        links=tuple(links.values()),
        gaps=(),
    )
    return replace(whole, gaps=tuple(gaps(whole, record)))


async def trace_of(app: App, run: Run, gate: GateRecord | None = None) -> TraceGraph:
    """The trace of a run.

    Args:
        app: where it is.
        run: which.
        gate: the gate whose tree is meant; None: the run's last one.
    """
    facts, events = await app.folder.facts(run.id), await app.ledger.events(run.id)
    gates = in_order(await app.ledger.gates(run.id), app.flow.phase_ids)
    upto = gates[: gates.index(gate) + 1] if gate in gates else gates
    decisions = await app.ledger.decisions(run.id)
    passages = [_passage(app, each, decisions) for each in upto]
    tree = app.workspace.tree(upto[-1].commit) if upto else app.folder.read(facts.spec)
    record = Record(
        facts=facts,
        run=run,
        files=_read(tree, passages, facts),
        there=frozenset(tree),
        passages=passages,
        events=events,
        wheels=_wheels(app.folder, events),
    )
    return await asyncio.to_thread(trace, record)  # a tenth of a second, of which others need not wait


def trace_of_spec(app: App, place: str) -> TraceGraph:
    """The trace of a spec that no run has taken, as it lies in the working directory.

    Args:
        app: where it is.
        place: the spec's folder, from the top of the repository.
    """
    project = app.config.project
    facts = Facts(run="", spec=place, project=project.name, package=project.package, started_at=app.clock.now())
    return trace(Record(facts=facts, run=None, files=app.folder.read(place)))


def _passage(app: App, gate: GateRecord, decisions: Sequence[Decision]) -> GateVisit:
    old, new = app.workspace.tree(gate.since), app.workspace.tree(gate.commit)
    changed = tuple(sorted(path for path in new if old.get(path) != new[path]))
    own = tuple(decision for decision in decisions if decision.statement.gate == gate.key)
    return GateVisit(gate=gate, changed=changed, decisions=own)


def _read(tree: Mapping[str, bytes], passages: Sequence[GateVisit], facts: Facts) -> dict[str, bytes]:
    """The tree's files that the run may be about, read once."""
    changed = {path for passage in passages for path in passage.changed}
    own = (f"{facts.spec}/", f"src/{facts.package}/runbooks/{facts.module}.", f"tests/runbooks/test_{facts.module}.")
    return {path: tree[path] for path in tree if path in changed or path.startswith(own)}


def _wheels(folder: WorkingCopy, events: Sequence[Entry]) -> dict[str, frozenset[str]]:
    receipt = receipts(events).get("publish", {})
    wheel = folder.file(str(receipt.get("wheel", "")))
    if not (wheel.suffix == ".whl" and wheel.is_file()):
        return {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {wheel.name: frozenset(archive.namelist())}
    except zipfile.BadZipFile:
        return {}
