"""data-model.md and the JSON Schemas: what goes in, what comes out."""

from typing import Any

from phasegate.runbooks.compiler.documents import prose
from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.fields import fields, json_type, result, row_name, spoken
from phasegate.runbooks.compiler.documents.text import code, page, plain, table

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COST = (
    ("unit", "string", "the unit of the price table, filled in"),
    ("quantity", "number or null", "how many of them"),
    ("amount", "number or null", "price times quantity; null where either is unknown"),
    ("monthly", "number or null", "the same per month of 730 hours"),
    ("price, currency, source, date", "number, strings", "the price, and where and when it comes from"),
    ("reason", "string", "why the cost is unknown, where it is"),
    ("note", "string", "what the amount leaves out, where it does"),
)


def data_model(context: Context) -> str:
    """The data model of one runbook."""
    runbook = context.runbook
    one = prose.thing(runbook)
    return page(
        f"# Data Model: {plain(context.title)}",
        f"## The {one}",
        f"{prose.listed(runbook)} AWS calls a row {code(row_name(runbook))}; {code(runbook.id)} tells it from "
        f"all others. "
        "Times are ISO 8601 texts, and a field that AWS leaves out is null, which compares as no match.",
        _fields(context),
        _added(context),
        _params(context),
        "## Evidence",
        _evidence(context),
        "## Finding",
        "Fixed by [contracts/finding.schema.json](contracts/finding.schema.json). A finding is the same one as "
        "long as its "
        "account, region and id are.",
        table(["field", "type", "meaning"], _finding(context)),
        _cost(context),
        "## Verdicts",
        table(["verdict", "when"], _verdicts(context)),
    )


def _fields(context: Context) -> str:
    rows = [
        [code(each.name), plain(spoken(each.type)), ", ".join(each.used), plain(each.meaning)]
        for each in fields(context.runbook)
    ]
    return (
        table(["field", "type", "read by", "meaning (AWS)"], rows)
        if rows
        else "Its rows are plain values, read as `_`."
    )


def _added(context: Context) -> str:
    runbook = context.runbook
    if not runbook.with_:
        return ""
    rows = [
        [code(entry.as_), plain(spoken(result(runbook, entry.as_))), text]
        for entry, text in zip(runbook.with_, prose.details(runbook), strict=True)
    ]
    return page(f"## What is added to the {prose.thing(runbook)}", table(["name", "type", "what it is"], rows))


def _params(context: Context) -> str:
    params = context.runbook.scope.params
    rows = [[code(name), code(value), code(f"--param {name}={value}")] for name, value in params.items()]
    return page("## Parameters", table(["name", "default", "set with"], rows)) if rows else ""


def _evidence(context: Context) -> str:
    runbook = context.runbook
    rows = [[code(text), plain(spoken(result(runbook, text)))] for text in runbook.evidence]
    return table(["kept with the finding", "type"], rows) if rows else "Nothing beyond the id is kept."


def _finding(context: Context) -> list[list[str]]:
    return [
        ["id", "string", f"{code(context.runbook.id)}, unique within account and region"],
        ["fingerprint", "string", "of runbook, account, region and id; the same in every run"],
        ["account, region", "string", "where it is"],
        ["verdict", "string", "match, warn, skip or unknown"],
        ["severity", "string", f"{code(context.runbook.severity)} for a match"],
        ["digest", "string", "of the place, the id and the evidence that time does not change: what is approved"],
        ["reason", "string", "why it is skipped or unknown"],
        ["held_back", "string", "why an approved change would leave it alone, where it would"],
        ["evidence", "map", "as above"],
        ["cost", "map or null", "as below" if context.runbook.cost else "always null here"],
    ]


def _cost(context: Context) -> str:
    if context.runbook.cost is None:
        return ""
    rows = [[code(name), kind, meaning] for name, kind, meaning in _COST]
    return page("## Cost", prose.cost(context.runbook), table(["field", "type", "meaning"], rows))


def _verdicts(context: Context) -> list[list[str]]:
    names = {"found": "match", "warned of": "warn", "skipped": "skip"}
    rows = [
        [names[verdict], f"{words}: {code(text)}"]
        for verdict, words, text in prose.rules(context.runbook)
        if verdict in names
    ]
    return [
        *rows,
        ["unknown", "a call that the answer hangs on failed, or a metric had no datapoint"],
    ]


def contracts(context: Context) -> dict[str, dict[str, Any]]:
    """JSON Schemas by file name: of a finding, and of the whole report."""
    finding = _finding_schema(context)
    return {"finding.schema.json": finding, "report.schema.json": _report_schema(context, finding)}


def _finding_schema(context: Context) -> dict[str, Any]:
    runbook = context.runbook
    evidence = {text: json_type(result(runbook, text)) for text in runbook.evidence}
    properties: dict[str, Any] = {
        "id": {"type": "string", "description": f"JMESPath: {runbook.id}"},
        "fingerprint": {"type": "string"},
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "account": {"type": "string"},
        "region": {"type": "string"},
        "verdict": {"enum": ["match", "warn", "skip", "unknown"]},
        "severity": {"enum": ["low", "medium", "high", "critical"]},
        "reason": {"type": "string"},
        "held_back": {"type": "string"},
        "evidence": {"type": "object", "properties": evidence, "additionalProperties": False},
        "cost": _cost_schema() if runbook.cost else {"type": "null"},
    }
    return {
        "$schema": _DIALECT,
        "title": f"A finding of {context.name}",
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _cost_schema() -> dict[str, Any]:
    number, text = {"type": ["number", "null"]}, {"type": "string"}
    return {
        "type": ["object", "null"],
        "properties": {
            **dict.fromkeys(("quantity", "amount", "monthly", "price"), number),
            **dict.fromkeys(("unit", "per", "currency", "source", "date", "reason", "note"), text),
        },
        "required": ["amount", "unit"],
        "additionalProperties": False,
    }


def _report_schema(context: Context, finding: dict[str, Any]) -> dict[str, Any]:
    text, number, count = {"type": "string"}, {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}
    error = ("account", "region", "call", "code", "message")
    properties: dict[str, Any] = {
        "runbook": {"const": context.name},
        "title": text,
        "as_of": {"type": "string", "format": "date-time"},
        "params": {"type": "object"},
        "regions": {"type": "array", "items": text},
        "actions": {"type": "array", "items": text},
        "changing": {"type": "array", "items": text},
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "counts": {"type": "object", "additionalProperties": count},
        "currency": text,
        "cost_per_month": number,
        "cost_held_back": number,
        "refusal": text,
        "unpriced": count,
        "findings": {"type": "array", "items": {key: value for key, value in finding.items() if key != "$schema"}},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {**dict.fromkeys(error, text), "count": count}},
        },
        "left_out": {"type": "object", "additionalProperties": text},
    }
    return {
        "$schema": _DIALECT,
        "title": f"What a scan of {context.name} answers",
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
