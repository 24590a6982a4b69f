"""Nodes and links that the files of a run name: its spec first, then code, tests and documents."""

import ast
import re
from collections.abc import Iterator, Sequence

from phasegate.core.python_source import parse_python
from phasegate.reports.trace.model import Kind, Link, Node
from phasegate.reports.trace.record import Part, Record, at
from phasegate.spec import FORMATS, Spec, mentions, named_tests, read_spec, tasks_of

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_PATH = re.compile(r"`([^`\s]+)`(?= \(|$)")
_TEST_NAME = re.compile(r"`(test_\w+)`")


def of_tree(record: Record) -> Part:
    """Everything that stands in the run's files."""
    parts = [_documents(record), _tasks(record), *_code(record), *_tests(record), _planned(record)]
    return Part([node for part in parts for node in part.nodes], [link for part in parts for link in part.links])


def kind_of(path: str) -> Kind:
    """Return the kind of a file by its path."""
    if path.startswith("tests/"):
        return Kind.test
    return Kind.code if path.startswith("src/") else Kind.document


def _documents(record: Record) -> Part:
    nodes = [Node(id=path, kind=kind_of(path), text="", origin=at(path)) for path in record.paths]
    skipped = {f"{record.facts.spec}/{name}" for name in (*(each.file for each in FORMATS), "tasks.md")}
    links = [
        Link(source=mention.id, target=path, says="named in", origin=at(path, mention.line))
        for path in record.paths
        if kind_of(path) is Kind.document and path.endswith(".md") and path not in skipped
        for mention in mentions(record.text(path))
    ]
    return Part(nodes, links)


def _tasks(record: Record) -> Part:
    tasks, nodes, links = f"{record.facts.spec}/tasks.md", list[Node](), list[Link]()
    for name, text, number, _ in tasks_of(record.text(tasks)):
        origin = at(tasks, number)
        nodes.append(Node(id=name, kind=Kind.task, text=text, origin=origin))
        links += [Link(source=m.id, target=name, says="worked on in", origin=origin) for m in mentions(text)]
        made = _made(record, text)
        nodes += [Node(id=path, kind=kind_of(path), text="", origin=at(path)) for path in made]
        links += [Link(source=name, target=path, says="makes", origin=origin) for path in made]
        links.append(Link(source=name, target=tasks, says="written in", origin=origin))
    return Part(nodes, links)


def _made(record: Record, text: str) -> list[str]:
    """Return the files that a task names, made by the run or there before."""
    named = _PATH.findall(text)[-1:]
    written = [path for place in named for path in record.paths if _lies_in(path, place)]
    return written or [place for place in named if any(_lies_in(path, place) for path in record.there)]


def _lies_in(path: str, place: str) -> bool:
    return path == place or (place.endswith("/") and path.startswith(place))


def _code(record: Record) -> Iterator[Part]:
    """Functions that name what they keep, in a comment above or in their text."""
    for path in record.paths:
        if kind_of(path) is not Kind.code or not path.endswith(".py"):
            continue
        nodes, links, known = dict[str, Node](), list[Link](), _definitions(record.text(path))
        for mention in mentions(record.text(path)):
            name, line = _around(known, mention.line)
            nodes[name] = Node(id=f"{path}::{name}", kind=Kind.code, text="", origin=at(path, line))
            links.append(Link(source=mention.id, target=nodes[name].id, says="kept in", origin=at(path, mention.line)))
        links += [Link(source=n.id, target=path, says="part of", origin=n.origin) for n in nodes.values()]
        yield Part(list(nodes.values()), links)


def _around(known: Sequence[_Definition], line: int) -> tuple[str, int]:
    """The definition that a line is in, or that it stands above."""
    for definition in known:
        if (definition.end_lineno or definition.lineno) >= line:
            return definition.name, definition.lineno
    return "module", 1


def _definitions(text: str) -> list[_Definition]:
    """Return the definitions at the top of a module in order, none where it is not Python."""
    try:
        body = parse_python(text).body
    except (SyntaxError, ValueError):
        return []
    return [node for node in body if isinstance(node, _Definition)]


def _tests(record: Record) -> Iterator[Part]:
    """Test functions, each with the ids that its docstring names."""
    for path in record.paths:
        if kind_of(path) is not Kind.test or not path.endswith(".py"):
            continue
        for test in named_tests(record.text(path)):
            node = Node(id=f"{path}::{test.name}", kind=Kind.test, text=test.says, origin=at(path, test.line))
            links = [Link(source=i, target=node.id, says="tested by", origin=node.origin) for i in test.ids]
            yield Part([node], [*links, Link(source=node.id, target=path, says="part of", origin=node.origin)])


def _planned(record: Record) -> Part:
    """Tests that the plan promises."""
    path, nodes, links = f"{record.facts.spec}/test-plan.md", dict[str, Node](), list[Link]()
    for number, line in enumerate(record.text(path).splitlines(), 1):
        for name in _TEST_NAME.findall(line):
            test, origin = f"{record.tests}::{name}", at(path, number)
            nodes.setdefault(test, Node(id=test, kind=Kind.test, text="", origin=origin, state="planned"))
            ids = [mention.id for mention in mentions(line)][:1]
            links += [Link(source=i, target=test, says="to be tested by", origin=origin) for i in ids]
    return Part(list(nodes.values()), links)


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
