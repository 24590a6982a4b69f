"""Evaluation of one row of a runbook, and the JSON Schema of the language for editors."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from phasegate.cli.console import output
from phasegate.cli.runbook import given_moment, given_params, refuse_what_lint_refuses
from phasegate.core import InvalidInput, UsageError, visible
from phasegate.runbooks.compiler.check import Where
from phasegate.runbooks.compiler.trial import Part, Step, try_one
from phasegate.runbooks.language.model import schema as schema_of

_LONGEST = 200


def attempt(
    file: Path,
    id_: str | None,
    row: Path | None,
    regions: tuple[str, ...],
    profile: str,
    as_of: str | None,
    params: tuple[str, ...],
    endpoint_url: str | None,
    prices: Path | None,
    as_json: bool,
) -> None:
    """Evaluate one row step by step."""
    if (id_ is None) == (row is None):
        raise UsageError("name either an item or a row", fix="write --id ID, or --row FILE with a row as JSON")
    text = file.read_text(encoding="utf-8")
    refuse_what_lint_refuses(text, file)
    where = Where(regions=regions, profile=profile, endpoint=endpoint_url, params=given_params(params), prices=prices)
    given = _row(row) if row else None
    steps = try_one(text, str(file), as_of=given_moment(as_of), where=where, id_=id_ or "", row=given)
    if as_json:
        click.echo(json.dumps([asdict(step) for step in steps], indent=2, default=str))
        return
    for step in steps:
        output().print(f"{step.name}: {visible(step.said)}", soft_wrap=True, markup=False, highlight=False)
        for part in step.parts:
            output().print(_line(step, part), soft_wrap=True, markup=False, highlight=False)


def schema(file: Path | None) -> None:
    """Print the JSON Schema of runbook.yaml, or write it to a file."""
    text = json.dumps(schema_of(), indent=2, ensure_ascii=False)
    if file is None:
        click.echo(text)
    else:
        file.write_text(f"{text}\n", encoding="utf-8")


def _line(step: Step, part: Part) -> str:
    value = part.value
    if step.name == "cost":
        value = f"{part.value['quantity']} × {part.value['price']} = {part.value['amount']}"
    told = part.error or (value if step.name == "cost" else json.dumps(value, ensure_ascii=False, default=str))
    short = told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"
    return f"{'  ' * part.depth}{visible(part.text)} → {visible(short)}"


def _row(file: Path) -> Mapping[str, Any]:
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"'{file}' is no JSON: {error}", fix="write one row as AWS lists it") from error
    if not isinstance(row, dict):
        raise InvalidInput(f"'{file}' holds no row", fix='write a map; a plain value as {"_": …}')
    return row
