"""Renderers of evaluations."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.core import one_line, visible
from phasegate.core.formatting import count, duration
from phasegate.evaluation import Evaluation, IntentResult, Outcome, Suite, Totals

_STYLES = {Outcome.at_once: "good", Outcome.after_rounds: "good", Outcome.asked: "wait"}
_MOST_NAMED = 4
_MOST_TOLD = 300
"""Characters of a row; --json has all of them."""


def progress_line(result: IntentResult, number: int, of: int) -> Text:
    """Render a result as it comes."""
    calls = f"{count(result.calls, 'call')}, ${result.usd:.4f}, {duration(result.seconds)}"
    return Text(f"{number:>{len(str(of))}}/{of} ").append(
        Text.assemble((f"{result.outcome.value:<15}", _style(result)), f"{result.intent} ", (f"({calls})", "quiet"))
    )


def evaluation_table(found: Evaluation) -> RenderableType:
    """Render an evaluation: a row for each intent, then the sums."""
    table = _table("intent", "outcome", "calls", "money", "time", "what was not right")
    for row in found.results:
        numbers = (str(row.calls), f"${row.usd:.4f}", duration(row.seconds))
        table.add_row(row.intent, Text(row.outcome.value, _style(row)), *numbers, _amiss(row))
    stopped = [Text(f"stopped: {visible(found.stopped)}", "wait")] if found.stopped else []
    return Group(table, Text(), *_sums(found), *stopped)


def intents_table(suite: Suite) -> RenderableType:
    """Render the intents with their sentences."""
    table = _table("intent", "tags", "sentence")
    for row in suite.intents:
        table.add_row(row.id, ", ".join(row.tags), row.sentence.strip())
    return Group(table, Text(), Text(f"{count(len(suite.intents), 'intent')}, suite {suite.version}", "name"))


def comparison(one: Evaluation, other: Evaluation) -> RenderableType:
    """Render two evaluations of a suite side by side: the intents on which they differ, then the sums of both."""
    table = _table("intent", one.model, other.model)
    others = {row.intent: row for row in other.results}
    for row in one.results:
        beside = others.get(row.intent)
        if beside and beside.outcome != row.outcome:
            table.add_row(row.intent, Text(row.outcome.value, _style(row)), Text(beside.outcome.value, _style(beside)))
    same = Text("They differ on no intent.") if not table.row_count else table
    return Group(same, Text(), *_sums(one), Text(), *_sums(other))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False)
    for column in columns:
        right = column in ("calls", "money", "time")
        table.add_column(visible(column), justify="right" if right else "left", no_wrap=right, overflow="fold")
    return table


def _sums(found: Evaluation) -> Iterator[Text]:
    sums = found.totals
    yield Text(f"{visible(found.model)}: {sums.right} of {sums.intents} right: {_counts(sums)}", "name")
    tokens = f"{sums.tokens_in:,} tokens in, {sums.tokens_out:,} out"
    each = f" (${sums.usd / sums.right:.4f} a right draft)" if sums.right and sums.usd else ""
    yield Text(f"{count(sums.calls, 'call')}, {tokens}, ${sums.usd:.2f}{each}, {duration(sums.seconds)}")
    if sums.untestable:
        told = f"criteria that no test can show, on which a run's test planning blocks: {sums.untestable}"
        yield Text(told, "wait")
    yield Text(f"suite {found.suite}, instructions {found.prompt}", "quiet")


def _counts(sums: Totals) -> str:
    return ", ".join(f"{sums.outcomes[outcome]} {outcome.value}" for outcome in Outcome if sums.outcomes[outcome])


def _style(row: IntentResult) -> str:
    return _STYLES.get(row.outcome, "bad")


def _amiss(row: IntentResult) -> Text:
    parts = [
        *([f"missed {_names(row.missed)}"] if row.missed else []),
        *([f"too many: {_names(row.extra)}"] if row.extra else []),
        *row.wrong,
        *(f"asked: {question}" for question in row.questions),
        *([row.reason] if row.reason else []),
    ]
    told = one_line("; ".join(parts))
    return Text(told if len(told) <= _MOST_TOLD else f"{told[:_MOST_TOLD]}…")


def _names(labels: tuple[str, ...]) -> str:
    more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
    return ", ".join(labels[:_MOST_NAMED]) + more
