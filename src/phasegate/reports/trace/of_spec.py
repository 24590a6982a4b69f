"""Nodes of the spec: requirements, success criteria and acceptance criteria."""

from phasegate.reports.trace.model import Kind, Link, Node
from phasegate.reports.trace.record import Part, Record, at
from phasegate.spec import Spec, mentions, read_spec


def of_spec(record: Record) -> Part:
    """The spec and everything that it says has an id."""
    spec = read_spec(record.files, record.facts.spec)
    requirements = [
        Node(id=each.id, kind=kind, text=each.text, origin=at(spec.path, each.line))
        for kind, found in ((Kind.requirement, spec.requirements), (Kind.success, spec.success_criteria))
        for each in found
    ]
    top = Node(id=spec.folder, kind=Kind.spec, text=spec.title, origin=at(spec.path, 1))
    asks = [Link(source=spec.folder, target=node.id, says="asks for", origin=node.origin) for node in requirements]
    criteria = [
        Node(id=each.criterion.id, kind=Kind.criterion, text=each.criterion.text, origin=at(spec.path, each.line))
        for each in spec.scenarios
        if each.criterion
    ]
    nodes = [top, *requirements, *criteria]
    written = [Link(source=node.id, target=spec.path, says="written in", origin=node.origin) for node in nodes]
    return Part(nodes, [*asks, *_covered(spec), *written])


def _covered(spec: Spec) -> list[Link]:
    """A scenario names the requirements that it is for, or a requirement the criteria that show it."""
    said = [
        Link(source=name, target=each.criterion.id, says="shown by", origin=at(spec.path, each.line))
        for each in spec.scenarios
        if each.criterion
        for name in each.covers
    ]
    named = [
        Link(source=each.id, target=mention.id, says="shown by", origin=at(spec.path, each.line))
        for each in (*spec.requirements, *spec.success_criteria)
        for mention in mentions(each.text)
        if mention.id.startswith("AC")
    ]
    return said + named
