"""From what a person types to the node that is meant."""

import difflib

from phasegate.core import UsageError
from phasegate.reports.trace.model import Node, TraceGraph


def find(trace: TraceGraph, name: str) -> list[Node]:
    """Return the node of that id, or else those with that last part: a test, function, file or gate.

    Raises:
        UsageError: there is none; the fix names the nearest.
    """
    exact = trace.nodes.get(name)
    if exact:
        return [exact]
    wanted = name.casefold()
    ends = [node for node in trace.nodes.values() if wanted in _names(node)]
    if ends:
        return ends
    raise UsageError(f"the trace of '{trace.run or trace.spec}' has no '{name}'", fix=_near(trace, wanted))


def _names(node: Node) -> set[str]:
    """Return the names of a node: its id, and the last parts of it."""
    whole = node.id.casefold()
    path, _, name = whole.rpartition("::")
    parts = {whole, name or path, whole.rpartition("/")[2]}
    return parts if "::" in whole else {*parts, whole.partition("/")[2]}


def _near(trace: TraceGraph, wanted: str) -> str:
    known = {name: node.id for node in trace.nodes.values() for name in sorted(_names(node)) if name}
    close = difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f"'{known[name]}'" for name in close) + "?"
    return "name a requirement, criterion, task, test, path, gate, version or person; without one you see all"
