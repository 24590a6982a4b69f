"""Python source for values, and for the tables of an account."""

from collections.abc import Sequence
from typing import Any

from phasegate.runbooks.compiler.test_generator.mock_answers import Table
from phasegate.runbooks.compiler.test_generator.values import NUMBER, Ago, numbered

_MOST_WRITTEN = 3
"""Rows that differ in their number alone are written one by one up to here."""


class _OfEach(str):
    """A text that holds the number of its row, as an f-string of `n`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"f{self.replace('{', '{{').replace('}', '}}')!r}".replace(NUMBER, "{n}")


def source(value: Any) -> str:
    """Write the value as an expression of Python, with points in time as calls of the test module's `ago`."""
    if isinstance(value, Ago):
        return _ago(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {source(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(source(entry) for entry in value) + "]"
    return repr(value)


def script(tables: Sequence[Table]) -> list[str]:
    """Write the statements that give `answers` every table, with a comment above each row."""
    return [line for table in tables for line in _statements(table)]


def _ago(value: Ago) -> str:
    hours = round(value.days * 24)
    days, hours = (hours // 24, hours % 24) if hours >= 0 else (-(-hours // 24), -(-hours % 24))
    parts = [f"days={days}"] if days else []
    parts += [f"hours={hours}"] if hours else []
    call = f"ago({', '.join(parts)})"
    return {"ms": f"milliseconds({call})", "s": f"seconds({call})", "text": f"text({call})"}.get(value.form, call)


def _statements(table: Table) -> list[str]:
    call, params = repr(table.call), source(table.params)
    where = f", region={table.region!r}" if table.region else ""
    if table.kind == "metric":
        return [_metric(table, values, where) for _, values in table.content]
    if table.kind == "fails":
        told = f"answers.fails({call}, {params}, "
        return [f"{told}{code!r}{where})  # {_comment(words)}" for words, code in table.content]
    if table.kind == "gives":
        told = f"answers.gives({call}, {params}, "
        return [f"# {_comment(words)}\n{told}{source(answer)}{where})" for words, answer in table.content]
    rows = _rows(table.content)
    ids = f"{table.ids!r}, " if table.kind == "batch" else ""
    return [f"answers.{table.kind}({call}, {params}, {ids}{table.key!r}, [{rows}\n])"]


def _rows(content: Sequence[tuple[str, Any]]) -> str:
    each = _of_each([row for _, row in content]) if len({words for words, _ in content}) == 1 else None
    if each is None:
        return "".join(f"\n# {_comment(words)}\n{source(row)}," for words, row in content)
    return f"\n# {_comment(content[0][0])}\n{source(each)}\nfor n in range(1, {len(content) + 1})"


def _of_each(rows: Sequence[Any]) -> Any:
    """Return the row that all rows are but for their numbers from 1 on, or None if they differ in more or are few."""
    # Few rows read better one by one.
    if len(rows) <= _MOST_WRITTEN:
        return None
    each = _unnumbered(rows[-1], str(len(rows)))
    return each if all(numbered(each, n) == row for n, row in enumerate(rows, 1)) else None


def _unnumbered(value: Any, number: str) -> Any:
    if isinstance(value, str):
        return _OfEach(value.replace(number, NUMBER)) if number in value else value
    if isinstance(value, dict):
        return {_unnumbered(key, number): _unnumbered(entry, number) for key, entry in value.items()}
    return [_unnumbered(entry, number) for entry in value] if isinstance(value, list) else value


def _metric(table: Table, values: Any, where: str) -> str:
    spec = table.params
    period = f", period={spec['period']!r}" if "period" in spec else ""
    named = ", ".join(repr(spec[name]) for name in ("namespace", "name", "stat"))
    return f"answers.metric({named}, {source(spec['dims'])}, {source(values)}, days={spec['days']!r}{period}{where})"


def _comment(words: str) -> str:
    return " ".join(words.split())
