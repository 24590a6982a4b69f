"""A trace as people read it: requirements and what became of them, one thing both ways, one person's decisions."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from phasegate.core import visible
from phasegate.reports.trace import Approval, Gap, Kind, Node, Origin, Row, Source, Status, Step, TraceGraph

STYLES = {
    Status.open: "quiet",
    Status.planned: "wait",
    Status.untested: "bad",
    Status.written: "wait",
    Status.failing: "bad",
    Status.passed: "good",
}


def overview(trace: TraceGraph, rows: Sequence[Row]) -> RenderableType:
    """Every requirement, then the decisions, the release and the gaps."""
    head = Text.assemble((trace.spec, "name"), (f"  run {trace.run}" if trace.run else "  no run yet", "quiet"))
    parts: list[RenderableType] = [head, Text(), _rows(rows), *_section("Evidence", _nodes(_test_runs(trace)))]
    for title, kinds in (("Decisions", (Kind.decision,)), ("Release", (Kind.release, Kind.wheel))):
        parts += _section(title, _nodes([node for kind in kinds for node in trace.of(kind)]))
    return Group(*parts, *_section(f"Gaps: {len(trace.gaps) or 'none'}", _gaps(trace.gaps)))


def walk(trace: TraceGraph, node: Node) -> RenderableType:
    """Render a node with its causes and consequences, the nearest first."""
    head = Text.assemble(
        (f"{node.kind} ", "quiet"), (node.id, "name"), (f"  {node.state}" if node.state else "", "wait")
    )
    said = [Text(visible(node.text))] if node.text else []
    gaps = [gap for gap in trace.gaps if gap.node == node.id]
    return Group(
        head,
        *said,
        Text(str(node.origin), "quiet"),
        *_section("Follows from", _steps(trace.back(node.id))),
        *_section("Leads to", _steps(trace.onward(node.id))),
        *_section("Gaps", _gaps(gaps)),
        Text(),
    )


def approvals(found: Sequence[Approval]) -> RenderableType:
    """Render one person's decisions, with everything that binds them."""
    return Group(*(part for each in found for part in _approval(each)))


def _rows(rows: Sequence[Row]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False)
    for column in ("requirement", "status", "criteria", "tasks"):
        table.add_column(column, no_wrap=column in ("requirement", "status"))
    table.add_column("tests", ratio=1, overflow="fold")
    for row in rows:
        tests = ", ".join(_short(name) for name in row.tests) or "none"
        status = Text(row.status.value, STYLES[row.status])
        criteria = ", ".join(row.criteria) or "none"
        table.add_row(row.requirement, status, criteria, str(len(row.tasks) or "none"), tests)
    return table


def _test_runs(trace: TraceGraph) -> list[Node]:
    return [node for node in trace.of(Kind.evidence) if node.id.rpartition("/")[2] in ("tests-pass", "coverage")]


def _nodes(nodes: Sequence[Node]) -> RenderableType | None:
    table = _grid()
    for node in nodes:
        table.add_row(node.id, Text(visible(node.text), "quiet", overflow="fold"))
    return table if nodes else None


def _steps(steps: Sequence[Step]) -> RenderableType | None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    kinds = list(Kind)
    for step in sorted(steps, key=lambda step: (step.depth, kinds.index(step.node.kind))):
        says = Text.assemble(step.link.says, ("  " + _where(step.link.origin), "quiet"))
        table.add_row(Text(step.node.kind.value, "quiet"), _named(step.node), says)
    return table if steps else None


def _where(origin: Origin) -> str:
    """Return a file's last name, before its line, or the name of a gate or event."""
    match origin.source:
        case Source.file | Source.wheel:
            return origin.where.rpartition("/")[2]
        case Source.event:
            return f"event {origin.where}"
        case Source.gate | Source.decision:
            return origin.where.partition(" ")[0]


def _named(node: Node) -> Text:
    return Text.assemble(visible(_short(node.id)), (f" {node.state}" if node.state else "", "wait"))


def _short(name: str) -> str:
    """A test or function without its file: the file is named beside it."""
    return name.rpartition("::")[2]


def _gaps(gaps: Sequence[Gap]) -> RenderableType | None:
    alike: dict[str, list[str]] = {}
    for gap in gaps:
        alike.setdefault(gap.text, []).append(_short(gap.node))
    rows = [Text.assemble((", ".join(names), "wait"), f": {text}") for text, names in alike.items()]
    return Group(*rows) if rows else None


def _approval(each: Approval) -> Iterator[RenderableType]:
    ended = " revoked" if each.revoked else " void, never used" if each.void else ""
    yield Text.assemble((each.decision.value, "name"), f"  {each.gate}  ", (each.spec, "quiet"), Text(ended, "bad"))
    table = _grid()
    table.add_row("at", f"{each.at:%Y-%m-%d %H:%M:%S} UTC")
    if each.instead_of:
        table.add_row("instead of", visible(each.instead_of))
    table.add_row("digest", Text(each.digest, overflow="fold"))
    table.add_row("tree", each.tree)
    for comment in each.comments:
        where = f"{comment.path}:{comment.line}: " if comment.path else ""
        table.add_row("comment", Text(visible(where + comment.text), overflow="fold"))
    if waiver := each.waiver:
        text = f"{', '.join(waiver.rules)}; owner {waiver.owner}, until {waiver.expires}: {waiver.reason}"
        table.add_row("waiver", Text(visible(text), overflow="fold"))
    table.add_row("released", Text(each.released or "nothing of this", "good" if each.released else "quiet"))
    for file in each.files:
        table.add_row("", Text(f"{file.name}  sha256 {file.sha256}", "quiet", overflow="fold"))
    yield Padding(table, (0, 0, 1, 2))


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _section(title: str, part: RenderableType | None) -> list[RenderableType]:
    if part is None:
        return [] if not title.startswith("Gaps:") else [Text(), Text(title, "name")]
    return [Text(), Text(title, "name"), Padding(part, (0, 0, 0, 2))]
