"""Puts a trace together."""

from dataclasses import replace

from phasegate.reports.trace.gaps import gaps
from phasegate.reports.trace.model import Link, Node, TraceGraph
from phasegate.reports.trace.of_run import of_run
from phasegate.reports.trace.of_spec import of_spec
from phasegate.reports.trace.of_tree import of_tree
from phasegate.reports.trace.record import Record


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
