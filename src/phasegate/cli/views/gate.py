"""A gate as a manager reads it: what changed, what was found, what the evidence is, what happens next."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from phasegate.cli.views.findings import findings_list, tally
from phasegate.cli.views.lists import waiting_tools
from phasegate.cli.views.spend import forecast_lines
from phasegate.core import visible
from phasegate.core.formatting import duration
from phasegate.ledger import DecisionKind
from phasegate.reports.external_links import ManualChange
from phasegate.reports.findings import SentBack
from phasegate.reports.gate import Answer, Evidence, Exemption, GateView
from phasegate.reports.questions import says_of_questions
from phasegate.workspace import Change

CUT = 40
"""Lines of a file's difference that are shown where not all is asked for."""
KINDS = {"added": ("+", "added"), "changed": ("~", "wait"), "removed": ("-", "removed")}
_HIDDEN = re.compile(r"<U\+[0-9A-F]{4,6}>")


def gate_summary(view: GateView, now: datetime) -> RenderableType:
    """Everything but the difference itself."""
    parts: list[RenderableType] = [_head(view, now), Text(), _changed(view)]
    if view.questions:
        parts += [Text(), Text("Questions for you", "name"), _indented(_questions(view))]
    if view.answers:
        parts += [Text(), Text("Answers to your comments", "name"), _indented(_answers(view.answers))]
    if view.rework:
        parts += [Text(), Text("Sent back before this gate", "name"), _indented(_rework(view.rework))]
    if view.by_hand:
        parts += [Text(), Text("What people did to the ticket", "name"), _indented(hands(view.by_hand))]
    parts += [Text(), Text(f"Findings: {tally(view.findings)}", "name")]
    if view.findings:
        parts.append(_indented(findings_list(view.findings)))
    if view.exemptions:
        parts += [
            Text(),
            Text("Waived at earlier gates, and not mended", "name"),
            _indented(Group(*map(_exemption, view.exemptions))),
        ]
    if view.tools:
        parts += [Text(), waiting_tools(view.tools)]
    parts += [Text(), Text("Evidence", "name"), _indented(_evidence(view.evidence))]
    if view.decision is None:
        parts += [Text(), Text("What each decision does", "name"), _indented(_choices(view))]
    return Group(*parts)


def difference(changes: Sequence[Change], *, whole: bool) -> RenderableType:
    """Render the difference file by file, with a count of lines that are left out."""
    return Group(*(part for change in changes for part in _difference(change, CUT if not whole else None)))


def _head(view: GateView, now: datetime) -> RenderableType:
    lines = [
        Text.assemble(("◆ ", "wait"), (view.phase.gate.name, "name"), f"  {view.gate.key}"),
        Text(f"  {view.run.spec} · {view.phase.id}: {view.phase.title}", "quiet"),
    ]
    if view.decision:
        statement = view.decision.statement
        lines.append(Text(f"  decided: {statement.kind} by {statement.by}, {statement.at:%Y-%m-%d %H:%M} UTC", "wait"))
    elif view.expires_at:
        lines.append(
            Text(f"  open until {view.expires_at:%Y-%m-%d %H:%M} UTC; then it closes, nothing approved", "quiet")
        )
    if several := view.approvals(now):
        lines.append(Text(f"  {several}", "wait"))
    lines += [Text(f"  since the run began: {visible(text)}", "wait") for text in view.changed]
    if view.moved:
        fix = f"phasegate run --resume {view.gate.key.run}"
        lines += [
            Text(f"  ✗ out of date: {visible(view.moved)}", "bad"),
            Text(f"  → another opens in its place: {fix}"),
        ]
    lines.append(Text(f"  {view.cost.says}", "quiet"))
    if view.forecast:
        lines += [Text(f"  {line.plain}", line.style) for line in forecast_lines(view.forecast)]
    return Group(*lines)


def _changed(view: GateView) -> RenderableType:
    changes = view.changes
    added, removed = sum(change.added for change in changes), sum(change.removed for change in changes)
    files = f"{len(changes)} file{'s' if len(changes) != 1 else ''}"
    table = Table.grid(padding=(0, 1))
    for change in changes:
        mark, style = KINDS[change.kind]
        hidden = Text(f"{change.hidden} hidden character(s)", "hidden") if change.hidden else Text()
        table.add_row(Text(mark, style), change.path, *_counts(change), hidden)
    return Group(Text(f"Changes {view.compared}: {files}, +{added} -{removed}", "name"), _indented(table))


def _rework(rows: Sequence[SentBack]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for row in rows:
        whose = Text(f"{row.by} → {row.to}" if row.to else row.by, "name")
        table.add_row(Text(f"round {row.round}", "quiet"), whose, Text(visible(row.text)))
    return table


def _counts(change: Change) -> tuple[Text, Text]:
    return (
        Text(f"+{change.added}" if change.added else "", "added", justify="right"),
        Text(f"-{change.removed}" if change.removed else "", "removed", justify="right"),
    )


def _difference(change: Change, limit: int | None) -> Iterator[RenderableType]:
    mark, style = KINDS[change.kind]
    yield Text.assemble((f"{mark} ", style), (change.path, "name"))
    shown = change.lines[2:]
    if not shown:
        yield Text("  no line differs; line endings, or bytes that are not text, do", "wait")
    for line in shown[:limit]:
        yield _line(line)
    left_out = len(shown) - len(shown[:limit])
    if left_out:
        yield Text(f"… {left_out} more lines of {change.path}: --full shows them", "wait")
    yield Text()


def _line(line: str) -> Text:
    style = {"+": "added", "-": "removed", "@": "hunk"}.get(line[:1], "")
    text = Text(line, style)
    text.highlight_regex(_HIDDEN, "hidden")
    return text


def _evidence(rows: Sequence[Evidence]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    for row in rows:
        mark = Text("✓", "good") if not row.findings else Text("!", "wait")
        found = f"{row.findings} finding(s)" if row.findings else ""
        says = "; ".join(part for part in (found, visible(row.saw)) if part) or "nothing to object to"
        table.add_row(mark, row.by, Text(says, "quiet"), Text(duration(row.seconds), "quiet"))
    return table


def _exemption(row: Exemption) -> Text:
    head = f"{visible(', '.join(row.rules))} at {row.gate}, until {row.expires}"
    return Text.assemble((head, "wait"), f"; {visible(row.owner)}: {visible(row.reason)}")


def hands(rows: Sequence[ManualChange]) -> RenderableType:
    """Return what people did to a run's ticket."""
    return Group(*(Text(f"{visible(each.by)}, {each.issue}: {visible(each.did)}") for each in rows))


def _questions(view: GateView) -> RenderableType:
    rows: list[RenderableType] = [
        Text.assemble((f"{each.number}. ", "wait"), visible(each.text), (f"  {each.path}:{each.line}", "quiet"))
        for each in view.questions
    ]
    rows.append(Text(says_of_questions(view.questions), "quiet"))
    return Group(*rows)


def _answers(answers: Sequence[Answer]) -> RenderableType:
    rows: list[RenderableType] = []
    for answer in answers:
        rows.append(Text(f"“{visible(answer.comment)}”"))
        rows.append(Text.assemble(("  → ", "good"), (f"{answer.by}: ", "quiet"), visible(answer.text)))
    return Group(*rows)


def _choices(view: GateView) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for kind, text in view.choices.items():
        if kind is DecisionKind.waive and not view.blocking:
            continue
        barred = kind is DecisionKind.approve and view.blocking
        says = f"refused while {len(view.blocking)} finding(s) block" if barred else text
        table.add_row(kind.value, Text(says, "bad" if barred else "quiet"))
    return table


def _indented(part: RenderableType) -> RenderableType:
    return Padding(part, (0, 0, 0, 2))
