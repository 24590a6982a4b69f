"""JSON Schemas of what a runbook answers: a finding, and the whole report."""

from typing import Any

from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.fields import json_type, result

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


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
    part = _part_schema()
    return {**part, "properties": {**part["properties"], "parts": {"type": "array", "items": part}}}


def _part_schema() -> dict[str, Any]:
    number, text = {"type": ["number", "null"]}, {"type": "string"}
    return {
        "type": ["object", "null"],
        "properties": {
            **dict.fromkeys(("quantity", "amount", "monthly", "price"), number),
            **dict.fromkeys(("unit", "per", "currency", "source", "date", "reason", "note"), text),
            "parts": {"type": "array"},
        },
        "required": ["amount", "unit"],
        "additionalProperties": False,
    }


def _place_schema(count: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "string"}
    properties = {"account": text, "region": text, "judged": count}
    return {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False}


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
        "looked": {"type": "array", "items": _place_schema(count)},
        "left_out": {"type": "object", "additionalProperties": text},
        "gone": {"type": "object", "additionalProperties": count},
    }
    return {
        "$schema": _DIALECT,
        "title": f"What a scan of {context.name} answers",
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
